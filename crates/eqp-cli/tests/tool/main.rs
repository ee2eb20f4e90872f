//! The tool by its own door: arguments in; data, notes and exit codes out.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accounts;
mod business;
mod certificates;
mod checking;
mod command_line;
mod configuration;
mod data_folder;
mod databases;
mod demo;
mod documented_callbacks;
mod drift;
mod dry_runs;
mod embedded;
mod eqp;
mod first_start;
mod help;
mod hostile_text;
mod leak;
mod market;
mod mishaps;
mod odd_answers;
mod other_languages;
mod registration;
mod release;
mod review;
mod rotation;
mod secret_urls;
mod secrets;
mod several;
mod shop;
mod spool;
mod stopping;
mod stranger;
mod sweep;
mod terminal;
mod trigger;
mod trust;
mod upkeep;
