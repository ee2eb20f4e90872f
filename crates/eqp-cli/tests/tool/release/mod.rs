//! `eqp release`: the whole way of an archive, through the tool's own door, against the simulator over TLS.

mod ci;
mod courses;
mod interrupted;
mod scene;
mod standing_in_the_way;
mod waiting;
