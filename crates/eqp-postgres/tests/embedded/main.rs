//! The embedded Postgres through its public door, on the real file system with real processes.

mod crashes;
mod fetching;
mod folders;
mod keeping;
mod member;
mod sharing;
mod starts_and_stops;
mod users;
