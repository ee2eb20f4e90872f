//! Tests the embedded Postgres through its public interface, with the real file system and real processes.

mod crashes;
mod fetching;
mod folders;
mod keeping;
mod member;
mod sharing;
mod starts_and_stops;
mod users;
