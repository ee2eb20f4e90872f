//! `eqp packages update`.

use clap::Args;
use eqp_types::Package;

use super::batch::{FromManifest, find, labels, report, show_plan, with_files};
use super::send::send;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::counted;

/// Update packages from a manifest: only the fields in it change
///
/// The submission is named by submission_id, else it is looked for by item_id, else by sku and version. What may change
/// depends on the state of the review; what may not is refused, or left as it is, by the Marketplace. Where a package was
/// refused the command ends with code 5. One that is submitted before the malware scan of its files has ended is sent again
/// after it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages update release.toml --dry-run
  eqp packages update release.toml --yes
  eqp packages show s5w9k703ru --json | jq '.package | .release_notes = \"Fixes\"' \\
      | eqp packages update -")]
pub(crate) struct Update {
    #[command(flatten)]
    from: FromManifest,
}

impl Update {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let mut manifest = self.from.read()?;
        let labels = labels(&manifest);
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        for package in &mut manifest.packages {
            if package.submission_id.is_none() {
                package.submission_id = find(&client, package).await?.submission_id;
            }
        }
        if self.from.dry_run {
            return show_plan(context, environment, "update", &manifest);
        }
        context.confirmation.ask(environment, &format!("Update {}", counted(manifest.packages.len(), "package")))?;
        let packages = with_files(context, &client, &manifest).await?;
        let items = send(context, &client, &packages, self.from.timeout, async |packages: &[Package]| {
            client.packages().update(packages).await
        })
        .await?;
        report(context, environment, "updated", &labels, &items)
    }
}
