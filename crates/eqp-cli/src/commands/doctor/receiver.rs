//! Checks whether the receiver on this machine is ready.

use std::path::PathBuf;

use eqp_receiver::LocalCa;
use eqp_sync::{Check, ProbeError, ProbeTls, probe_address, probe_receiver};
use eqp_tls::ValidityProblem;
use serde_json::Value;
use time::OffsetDateTime;

use super::certificate::remedy;
use crate::compose::receiver::check_certificate;
use crate::config::Wire;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};

/// Asks the receiver whether it can store callbacks. Without one on this machine, it is a failure if `is_needed`: callbacks are registered,
/// and no receiver runs on another machine.
pub(super) async fn receiver(context: &Context, is_needed: bool) -> Check<Failure> {
    const NAME: &str = "receiver";
    if context.settings.server.url.is_some() {
        return Check::absent(NAME, "not checked: it belongs to the server; run `eqp doctor` there");
    }
    let address = probe_address(context.settings.receiver.listen());
    let Ok(wire) = context.settings.receiver.wire() else {
        // The check of the certificate shows why.
        return Check::absent(NAME, "not checked: the settings of the receiver contradict each other");
    };
    let scheme = if matches!(wire, Wire::BehindProxy) { "http" } else { "https" };
    let base_url = format!("{scheme}://{address}");
    let ca = match local_ca(context, &wire) {
        Ok(ca) => ca,
        Err(failure) => return Check::new(NAME, Err(failure)),
    };
    let tls = match &wire {
        Wire::BehindProxy => ProbeTls::Off,
        Wire::Files { certificate, .. } => ProbeTls::Certificate(certificate),
        Wire::LocalCa { .. } => ProbeTls::LocalCa(&ca),
    };
    match probe_receiver(address, tls).await {
        Err(ProbeError::Refused) if is_needed => {
            let failure = Failure::new(Exit::Failed, "no receiver is running, but an endpoint is registered")
                .why(format!(
                    "nothing is listening on {address} (connection refused), and no other receiver uses this database"
                ))
                .next("start it: eqp serve, or the service that runs it");
            Check::new(NAME, Err(failure))
        }
        Err(ProbeError::Refused) => {
            let what =
                format!("nothing is listening on {address} (connection refused); start the receiver with `eqp serve`");
            Check::absent(NAME, what)
        }
        Ok(answer) => match file_problem(&wire) {
            Some(problem) => Check::new(NAME, Err(invalid_certificate(&base_url, problem))),
            None if is_degraded(&answer) => Check::warning(
                NAME,
                format!("{base_url} accepts callbacks, but is degraded: {answer}"),
                "see the log of the receiver; `eqp spool show` lists the callbacks that wait on its disk",
            ),
            None => Check::new(NAME, Ok(format!("{base_url} is ready: {answer}"))),
        },
        Err(error) => Check::new(NAME, Err(failure(&wire, &base_url, &error))),
    }
}

/// Returns the path of the local CA's certificate, which is empty if the local CA is not used.
fn local_ca(context: &Context, wire: &Wire) -> Result<PathBuf> {
    match wire {
        Wire::LocalCa { .. } => Ok(LocalCa::certificate_path(&context.settings.data.look()?.tls())),
        _ => Ok(PathBuf::new()),
    }
}

/// Returns the failure for a receiver that serves an invalid certificate, which senders reject.
fn invalid_certificate(base_url: &str, problem: ValidityProblem) -> Failure {
    Failure::new(Exit::Failed, format!("the certificate that {base_url} serves {problem}")).next(remedy(problem))
}

/// Returns whether the receiver reports that it is degraded, for example because its database is down.
fn is_degraded(answer: &str) -> bool {
    serde_json::from_str::<Value>(answer).is_ok_and(|answer| answer["status"] == "degraded")
}

/// Returns why the certificate in the configured file is not valid now.
fn file_problem(wire: &Wire) -> Option<ValidityProblem> {
    check_certificate(wire).ok().flatten()?.problem_at(OffsetDateTime::now_utc())
}

fn failure(wire: &Wire, base_url: &str, error: &ProbeError) -> Failure {
    const PROXY: &str = "if the receiver is behind a TLS-terminating proxy, pass --behind-proxy here too";
    const LOCAL_CA: &str = "pass the same --tls-cert and --tls-key, or the same --data-dir, as the receiver";
    let failed = |what: String| Failure::new(Exit::Failed, what);
    let failure = match error {
        ProbeError::TimedOut { after } => {
            let what = format!("{base_url} did not answer within {} s", after.as_secs());
            return Failure::new(Exit::TimedOut, what).next(
                "check the receiver's log; if another program uses this port, choose another address with --listen",
            );
        }
        ProbeError::NotReady { answer } => {
            return failed(format!("{base_url} is not ready (503)"))
                .why(answer)
                .next("callbacks are answered 503 until this is fixed; see the receiver's log");
        }
        ProbeError::NotAReceiver { status } => {
            return failed(format!("{base_url}/readyz answers {status}: this is not a receiver"))
                .next("stop the program that uses this port, or choose another address with --listen");
        }
        ProbeError::NoPlainHttp => {
            return failed(format!("{base_url} did not return a plain HTTP response"))
                .next("if the receiver serves TLS, remove --behind-proxy and EQP_BEHIND_PROXY");
        }
        ProbeError::CertificateFile(error) => return Failure::usage("the receiver cannot be checked").because(error),
        ProbeError::OtherCertificate => other_certificate(failed(format!("TLS with {base_url} failed")), wire),
        error => failed(format!("TLS with {base_url} failed")).because(error),
    };
    let failure = match error {
        ProbeError::NoTls | ProbeError::Closed => failure.next(PROXY),
        ProbeError::NotValid(ValidityProblem::Expired { .. }) => failure.next(
            "check the clock of this machine; a running receiver renews a certificate of its local CA automatically",
        ),
        ProbeError::NotValid(problem) => failure.next(remedy(*problem)),
        _ => failure,
    };
    if matches!(wire, Wire::LocalCa { .. }) { failure.next(LOCAL_CA) } else { failure }
}

/// Returns the failure for a receiver that serves another certificate than the configured file contains.
fn other_certificate(failure: Failure, wire: &Wire) -> Failure {
    let Wire::Files { certificate: file, .. } = wire else { return failure };
    let file = file.display();
    let failure = failure.why(format!("the receiver does not serve the certificate in {file}"));
    match file_problem(wire) {
        Some(problem) => failure.why(format!("the certificate in {file} {problem}")).next(remedy(problem)),
        None => failure.next("to reload the file, send SIGHUP to the receiver"),
    }
}
