//! `cargo xtask check-api`: tests a running server against the description of its operator API, with Schemathesis.
//!
//! It is not part of `cargo xtask check`, because it installs a Python package from the network.

mod schemathesis;
mod server;

use tokio::process::Command;

use crate::process::{cargo, run as run_program};
use crate::run_postgres::with_postgres;
use crate::{Result, workspace};
use schemathesis::Schemathesis;
use server::Server;

/// The properties that are tested.
///
/// Not among them: `positive_data_acceptance` (a schema cannot express all rules, such as that a time is in the past), `ignored_auth` (after
/// 20 failures the answer is 429, as documented), and `unsupported_method` (it sends GET requests with a body, which are answered 400).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,allow_header_conformance";
/// The stream of events ends after ten minutes, so each of its requests would time out. Tests of `eqp-console` read it.
const ENDLESS: &str = "streamEvents";
/// Revokes every token whose name the server reports, and so also the token of the test. After that, all requests are answered 401.
const REVOKING: &str = "revokeToken";
/// The time limit of a request in seconds: a consumer can wait 20 seconds for messages.
const DEADLINE: &str = "30";

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Maximum number of requests per operation and phase
    #[arg(long, default_value_t = 30, value_name = "NUMBER")]
    examples: u32,
    /// Random seed; the same seed sends the same requests
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u32,
}

pub(crate) async fn run(arguments: Arguments) -> Result {
    let schemathesis = Schemathesis::install().await?;
    run_program(cargo(["build", "--quiet", "--package", "eqp-cli", "--bin", "eqp"])).await?;
    let program = workspace::target().join("debug/eqp");
    with_postgres(async |postgres| {
        postgres.ensure_database("api").await.map_err(|error| error.to_string())?;
        let server = Server::start(&program, &postgres.url("api")).await?;
        let tested = run_program(test(&schemathesis, &server, &arguments)?).await;
        if tested.is_err() {
            eprintln!("the end of the server's log:\n{}", server.end_of_log());
        }
        tested
    })
    .await
}

fn test(schemathesis: &Schemathesis, server: &Server, arguments: &Arguments) -> Result<Command> {
    let mut command = schemathesis.command(server)?;
    command
        .args(["run", &format!("{}/api/v1/openapi.json", server.url), "--checks", CHECKS])
        .args(["--exclude-operation-id", ENDLESS, "--exclude-operation-id", REVOKING])
        .args(["--max-examples", &arguments.examples.to_string(), "--seed", &arguments.seed.to_string()])
        .args(["--request-timeout", DEADLINE, "--workers", "2", "--continue-on-failure"]);
    Ok(command)
}
