//! `eqp release`: the whole way of an archive, through the tool's own door, against the simulator over TLS.

mod before_sending;
mod ci;
mod courses;
mod documented;
mod fixture;
mod interrupted;
mod manifest_action;
mod new_version;
mod patience;
mod scripts;
mod spellings;
mod standing_in_the_way;
mod waiting;
