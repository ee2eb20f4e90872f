//! `eqp`: see the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    eqp_cli::main()
}
