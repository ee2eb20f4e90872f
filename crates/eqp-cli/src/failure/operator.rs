//! Failures of the operator service, with their remedies.

use eqp_console::{OperatorError, Problem, ProblemCode};

use super::{Exit, Failure};

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Store(error) => (&*error).into(),
            OperatorError::Problem(problem) => problem.into(),
            error @ OperatorError::Url { .. } => Self::usage("the URL of the server cannot be used")
                .because(&error)
                .next("pass a URL such as https://eqp.example.com, without credentials and query"),
            error @ OperatorError::Setup(_) => Self::usage("the server cannot be called").because(&error),
            error @ OperatorError::TimedOut { .. } => Self::new(Exit::TimedOut, "the server did not answer in time")
                .because(&error)
                .next("retry later, or check the log of the server"),
            error @ OperatorError::Unreachable { .. } => Self::new(Exit::Unreachable, "the server cannot be reached")
                .because(&error)
                .next("check --server and EQP_SERVER_URL, and that `eqp serve` with the role console is running there"),
            error => Self::new(Exit::Failed, "the server did not answer as expected")
                .because(&error)
                .next("check that --server is the operator listener of `eqp serve`, and that its version is the same"),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let Problem { title, detail, code, .. } = problem;
        let failure = |exit| match &detail {
            Some(detail) => Self::new(exit, title.clone()).why(detail.clone()),
            None => Self::new(exit, title.clone()),
        };
        match code {
            ProblemCode::NotFound => Self::new(Exit::NotFound, detail.clone().unwrap_or_else(|| title.clone())),
            ProblemCode::Unauthenticated => failure(Exit::NotAuthorised)
                .next("set EQP_TOKEN, or EQP_TOKEN_FILE to a file with mode 0600 that contains a token"),
            ProblemCode::Forbidden => failure(Exit::NotAuthorised)
                .next("use a token with this scope; on the server: eqp token create NAME --scope SCOPE"),
            ProblemCode::TooManyAttempts => failure(Exit::NotAuthorised).next("check the token, then retry later"),
            ProblemCode::InvalidRequest | ProblemCode::TooLarge => {
                failure(Exit::Usage).next("correct the value; the help of the command (--help) describes its options")
            }
            // The title says less than the detail.
            ProblemCode::Conflict => Self::new(Exit::Failed, detail.clone().unwrap_or_else(|| title.clone()))
                .next("nothing was changed; look at the current state with `list` or `show`, then try again"),
            ProblemCode::TooSlow => failure(Exit::TimedOut).next("retry later"),
            ProblemCode::DatabaseUnavailable | ProblemCode::Busy => failure(Exit::Unreachable).next("retry later"),
            ProblemCode::DatabasePrivileges => super::receiver::with_roles(failure(Exit::NotAuthorised)),
            ProblemCode::DatabaseNotReady => failure(Exit::Failed).next("apply the migrations with eqp migrate"),
            ProblemCode::HostNotAllowed => {
                failure(Exit::Usage).next("add the host name of the URL to --operator-host of the server")
            }
            _ => failure(Exit::Failed).next("check the log of the server"),
        }
    }
}
