//! Tests the tool as a program: arguments, output and exit codes.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

/// The tool under test.
const EQP: &str = env!("CARGO_BIN_EXE_eqp");

mod accounts;
mod alerts;
mod both_ways;
mod building;
mod certificates;
mod checking;
mod command_line;
mod completing;
mod configuration;
mod data_folder;
mod databases;
mod declared;
mod delivering;
mod delivery_alerts;
mod demo;
mod doctor;
mod documented_callbacks;
mod drift;
mod dry_runs;
mod embedded;
mod first_start;
mod handlers;
mod help;
mod hook;
mod hostile_text;
mod init;
mod json;
mod keys_and_reports;
mod leak;
mod listen;
mod mails;
mod master_key;
mod mishaps;
mod odd_answers;
mod other_languages;
mod other_tool;
mod packages;
mod reach;
mod reconcile;
mod registration;
mod release;
mod review;
mod roles;
mod rotation;
mod secret_urls;
mod secrets;
mod several;
mod simulators;
mod spool;
mod sql_interface;
mod status;
mod stopping;
mod sweep;
mod terminal;
mod trace;
mod trigger;
mod trust;
mod upgrade;
mod upkeep;
mod whole_way;
