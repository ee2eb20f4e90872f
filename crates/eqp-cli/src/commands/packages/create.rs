//! `eqp packages create`.

use clap::Args;
use eqp_types::Package;

use super::batch::{FromManifest, labels, report, show_plan, with_files};
use super::send::send;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::counted;

/// Create packages from a manifest: its files are uploaded first, then all packages are sent at once
///
/// The manifest has the fields of the API, in a table `package` or in several of that name; JSON can also be what the API
/// takes, one object or a list. A file stands as its path, from the folder of the manifest, or as a file_upload_id. The
/// Marketplace takes good packages beside bad ones: each has a line in the answer. Where one was refused the command
/// ends with code 5. A package that is submitted before the malware scan of its files has ended is sent again after it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages create release.toml --dry-run
  eqp packages create release.toml
  jq '.action = {technical: \"submit\", marketing: \"submit\"}' package.json | eqp packages create -")]
pub(crate) struct Create {
    #[command(flatten)]
    from: FromManifest,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let manifest = self.from.read()?;
        if self.from.dry_run {
            return show_plan(context, context.settings.marketplace.environment(), "create", &manifest);
        }
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        context.confirmation.ask(environment, &format!("Create {}", counted(manifest.packages.len(), "package")))?;
        let packages = with_files(context, &client, &manifest).await?;
        let items = send(context, &client, &packages, self.from.timeout, async |packages: &[Package]| {
            client.packages().create(packages).await
        })
        .await?;
        report(context, environment, "created", &labels(&manifest), &items)
    }
}
