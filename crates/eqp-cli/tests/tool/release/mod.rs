//! Tests `eqp release` from the archive to the store, against the simulator over TLS.

mod before_sending;
mod ci;
mod courses;
mod dependencies;
mod documented;
mod explaining;
pub(crate) mod fixture;
mod following;
mod following_documented;
mod from_tag;
mod gitlab;
mod interrupted;
mod listing_dates;
mod manifest_action;
mod new_version;
mod patience;
mod scripts;
mod shown_on_github;
mod spellings;
mod standing_in_the_way;
mod three_products;
mod waiting;
mod waiting_for_several;
