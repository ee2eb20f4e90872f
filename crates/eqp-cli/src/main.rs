//! The `eqp` program; see lib.rs.

use std::process::ExitCode;

fn main() -> ExitCode {
    eqp_cli::main()
}
