//! Checks the server that commands use instead of a database.

use eqp_sync::Check;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Failure;

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Calls the server. Returns `None` if none is configured.
pub(super) async fn server(context: &Context) -> Option<Check<Failure>> {
    const NAME: &str = "server";
    let url = context.settings.server.url.as_ref()?;
    let asked = async {
        let operator = Operator::open_to_read(context).await?;
        let called = operator.client().health().await;
        operator.close().await?;
        Ok(called?)
    };
    Some(match asked.await {
        Err(failure) => Check::new(NAME, Err(failure)),
        Ok(health) if health.version != VERSION => Check::warning(
            NAME,
            format!("{url} accepts the token, but its version is {}, and that of this tool {VERSION}", health.version),
            "install the same version on both; until then, options and fields that one of them does not know are rejected",
        ),
        Ok(health) => {
            let schema = health.database.migration;
            let what = format!(
                "{url} accepts the token, with version {VERSION} and schema {schema}; commands call it instead of opening a database"
            );
            Check::new(NAME, Ok(what))
        }
    })
}
