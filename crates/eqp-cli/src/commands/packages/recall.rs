//! `eqp packages recall`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eqp_client::Client;
use eqp_types::{Actions, EqpStatus, MarketingStatus, Package, SubmissionId, TechnicalStatus};
use serde_json::json;

use super::batch::{find, report};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::manifest::Manifest;
use crate::output::{counted, visible};

/// Which review is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Track {
    /// Whichever runs
    Both,
    /// The technical review
    Technical,
    /// The marketing review
    Marketing,
}

/// Take packages back from review, those of a manifest or named ones; a review that does not run is left alone
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages recall release.toml
  eqp packages recall --submission s5w9k703ru --track marketing
  eqp packages recall release.toml --dry-run --json")]
pub(crate) struct Recall {
    /// Manifest of the packages: TOML or JSON; - for standard input
    #[arg(value_name = "FILE", required_unless_present = "submission")]
    manifest: Option<PathBuf>,
    /// Submission to take back; may be repeated
    #[arg(long, value_name = "SUBMISSION")]
    submission: Vec<SubmissionId>,
    /// The review to take it back from
    #[arg(long, value_enum, value_name = "TRACK", default_value_t = Track::Both)]
    track: Track,
    /// Show what would be taken back, and send nothing
    #[arg(long)]
    dry_run: bool,
}

impl Recall {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let (mut labels, mut requests) = (Vec::new(), Vec::new());
        for (label, package) in self.packages(&client).await? {
            let status = package.eqp_status.unwrap_or_default();
            match recall(&status, self.track) {
                None => context.output.note(format_args!(
                    "{} is not in review: {}",
                    visible(&label),
                    super::status_line(&status)
                )),
                Some(action) => {
                    labels.push(label);
                    let submission_id = package.submission_id;
                    requests.push(Package { submission_id, action: Some(action), ..Package::default() });
                }
            }
        }
        if self.dry_run && context.output.is_json() {
            return context.output.json(&json!({"environment": environment, "would_recall": requests}));
        }
        if self.dry_run {
            return labels.iter().try_for_each(|label| {
                context.output.line(format_args!("would recall {} in {environment}", visible(label)))
            });
        }
        if requests.is_empty() {
            return report(context, environment, "recalled", &[], &[]);
        }
        context.confirmation.ask(environment, &format!("Recall {}", counted(requests.len(), "package")))?;
        let items = client.packages().update(&requests).await?;
        report(context, environment, "recalled", &labels, &items)
    }

    /// The packages meant, as the Marketplace has them, each with how it was named.
    async fn packages(&self, client: &Client) -> Outcome<Vec<(String, Package)>> {
        let mut found = Vec::new();
        for id in &self.submission {
            found.push((id.to_string(), client.packages().get(id).await?));
        }
        if let Some(path) = &self.manifest {
            for package in &Manifest::read(path)?.packages {
                found.push((package.label(), find(client, package).await?));
            }
        }
        Ok(found)
    }
}

/// What to ask for: the reviews that run, of those that are meant.
fn recall(status: &EqpStatus, track: Track) -> Option<Actions> {
    let technical = track != Track::Marketing
        && matches!(
            status.technical,
            Some(TechnicalStatus::InAutomation | TechnicalStatus::AwaitingManualQa | TechnicalStatus::InManualQa)
        );
    let marketing = track != Track::Technical
        && matches!(
            status.marketing,
            Some(MarketingStatus::AwaitingMarketingReview | MarketingStatus::InMarketingReview)
        );
    let asked = |is_wanted: bool| is_wanted.then(|| "recall".to_owned());
    (technical || marketing).then(|| Actions {
        overall: None,
        technical: asked(technical),
        marketing: asked(marketing),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reviews_that_run_and_are_meant_are_recalled() {
        let status = |technical: &str, marketing: &str| EqpStatus {
            technical: Some(technical.into()),
            marketing: Some(marketing.into()),
            ..EqpStatus::default()
        };
        for (technical, marketing, track, asked) in [
            ("in_automation", "in_marketing_review", Track::Both, Some((true, true))),
            ("in_manual_qa", "approved", Track::Both, Some((true, false))),
            ("awaiting_manual_qa", "awaiting_marketing_review", Track::Marketing, Some((false, true))),
            ("approved", "awaiting_marketing_review", Track::Technical, None),
            ("draft", "rejected", Track::Both, None),
        ] {
            let found = recall(&status(technical, marketing), track);
            let found = found.map(|action| (action.technical.is_some(), action.marketing.is_some()));
            assert_eq!(found, asked, "{technical} {marketing} {track:?}");
        }
    }
}
