//! `eqp ca`: prints the CA certificate that clients of a development receiver have to trust.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_tls::LocalCa;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Print the certificate of the local CA for development (created on first use)
///
/// A receiver without --tls-cert uses a certificate of this CA, which is for development and tests only: the
/// Marketplace does not trust it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp ca > eqp-ca.pem
  curl --cacert \"$(eqp ca --path)\" https://localhost:8443/healthz")]
pub(crate) struct Ca {
    /// Print the path of the certificate instead
    #[arg(long)]
    path: bool,
    /// Show whether a CA would be created, and create nothing
    #[arg(long)]
    dry_run: bool,
}

impl Ca {
    pub(crate) async fn run(self, context: &Context) -> Result {
        export(context, self.path, self.dry_run).await
    }
}

/// The local CA of a data folder, created or not.
struct CaPlan {
    certificate: PathBuf,
    exists: bool,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct CaDryRun<'a> {
    /// The file of the certificate.
    path: &'a Path,
    /// Whether the CA does not exist yet.
    would_create: bool,
}

/// The local CA as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct CaReport<'a> {
    /// The file of the certificate.
    path: &'a Path,
    /// The certificate (PEM).
    certificate: &'a str,
}

impl Plan for CaPlan {
    fn show(self, output: Output) -> Result {
        let Self { certificate, exists } = self;
        if output.is_json() {
            return output.json(&CaDryRun { path: &certificate, would_create: !exists });
        }
        let certificate = certificate.display();
        if exists {
            output.line(format_args!("nothing to do: the CA already exists ({certificate})"))
        } else {
            output.line(format_args!("would create the local CA ({certificate})"))
        }
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Opens the local CA, or creates it.
struct CaCreation<'a> {
    context: &'a Context,
}

impl Change for CaCreation<'_> {
    type Plan = CaPlan;
    type Applied = LocalCa;

    async fn observe(&mut self) -> Result<CaPlan> {
        let certificate = LocalCa::certificate_path(&self.context.settings.data.look()?.tls());
        let exists = certificate.exists();
        Ok(CaPlan { certificate, exists })
    }

    async fn apply(self, _: CaPlan, _: Confirmation) -> Result<LocalCa> {
        let folder = self.context.settings.data.open()?.tls();
        LocalCa::open(&folder)
            .map_err(|error| Failure::new(Exit::Failed, "the local CA cannot be used").because(&error))
    }
}

/// Prints the local CA's certificate, or its path.
pub(crate) async fn export(context: &Context, only_path: bool, dry_run: bool) -> Result {
    let Some(ca) = change::run(context, CaCreation { context }, dry_run).await? else { return Ok(()) };
    let path = LocalCa::certificate_path(&context.settings.data.look()?.tls());
    if context.output.is_json() {
        return context.output.json(&CaReport { path: &path, certificate: ca.certificate_pem() });
    }
    if only_path { context.output.line(path.display()) } else { context.output.line(ca.certificate_pem().trim_end()) }
}
