//! `eqp ca`: the certificate that peers of a development receiver have to trust.

use clap::Args;
use eqp_tls::LocalCa;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// Print the certificate of the local CA, made on first use
///
/// A receiver without --tls-cert proves itself with a certificate of this CA. It is for development and tests: the
/// Marketplace does not know it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp ca > eqp-ca.pem
  curl --cacert \"$(eqp ca --path)\" https://localhost:8443/healthz")]
pub(crate) struct Ca {
    /// Print where the certificate lies instead
    #[arg(long)]
    path: bool,
}

impl Ca {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        export(context, self.path)
    }
}

/// Prints the local CA's certificate, or where it lies.
pub(crate) fn export(context: &Context, only_path: bool) -> Outcome {
    let folder = context.settings.data.open()?.tls();
    let ca = LocalCa::open(&folder)
        .map_err(|error| Failure::new(Exit::Failed, "there is no usable local CA").because(&error))?;
    let path = LocalCa::certificate_path(&folder);
    if context.output.is_json() {
        return context.output.json(&json!({"path": path, "certificate": ca.certificate_pem()}));
    }
    if only_path { context.output.line(path.display()) } else { context.output.line(ca.certificate_pem().trim_end()) }
}
