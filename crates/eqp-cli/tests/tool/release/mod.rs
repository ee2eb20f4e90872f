//! `eqp release`: the whole way of an archive, through the tool's own door, against the simulator over TLS.

mod ci;
mod courses;
mod documented;
mod interrupted;
mod manifest_action;
mod new_version;
mod scene;
mod spellings;
mod standing_in_the_way;
mod waiting;
