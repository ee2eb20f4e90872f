//! `eqp subscriptions rotate-secret`.

use std::path::PathBuf;

use clap::Args;
use eqp_console::Subscription;
use eqp_deliver::{HandlerDefinition, SignatureScheme, check_signing_secret, new_signing_secret};
use eqp_types::Secret;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::config::read_secret;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Add a new signing secret to a webhook, or retire the old ones
///
/// First run it without --retire: requests are then signed with the new secret and the old one. Store the new secret at the
/// receiver, and then run it with --retire. With --hmac-header, requests have one signature, which is made with the new
/// secret at once.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions rotate-secret shop
  eqp subscriptions rotate-secret shop --retire")]
pub(crate) struct RotateSecret {
    /// Name, as shown by `eqp subscriptions list`
    name: String,
    /// File (mode 0600) with the new secret, which is otherwise generated and printed once
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Stop signing with all secrets but the newest
    #[arg(long, conflicts_with = "secret_file")]
    retire: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A rotation as JSON. One of the fields is present.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SecretRotation<'a> {
    /// The name of the subscription whose requests are now also signed with the new secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated: Option<&'a str>,
    /// The generated secret, which cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    /// Whether older secrets were in use, which are now retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<bool>,
    /// The name of the subscription that would be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_change: Option<&'a str>,
}

const NOTHING: SecretRotation<'static> =
    SecretRotation { rotated: None, secret: None, retired: None, would_change: None };

struct RotationPlan {
    subscription: Subscription,
    retire: bool,
}

impl Plan for RotationPlan {
    fn show(self, output: Output) -> Result {
        let name = self.subscription.name.as_str();
        if output.is_json() {
            return output.json(&SecretRotation { would_change: Some(name), ..NOTHING });
        }
        if self.retire {
            return output.line(format_args!("would retire the old signing secrets of the subscription {name}"));
        }
        output.line(format_args!("would add a signing secret to the subscription {name}"))
    }

    /// A receiver that does not have the new secret yet can still be configured.
    fn question(&self) -> Question {
        if self.retire {
            let name = &self.subscription.name;
            return Question::Irreversible(format!("Retire the old signing secrets of the subscription {name}"));
        }
        Question::Nothing
    }
}

struct Rotation<'a> {
    operator: &'a Operator,
    name: &'a str,
    /// The new secret; `None` to retire the old ones.
    secret: Option<Secret>,
}

impl Change for Rotation<'_> {
    type Plan = RotationPlan;
    type Applied = bool;

    async fn observe(&mut self) -> Result<RotationPlan> {
        let subscription = self.operator.client().subscription(self.name).await?;
        match &subscription.handler {
            Some(HandlerDefinition::Webhook(webhook)) if webhook.signature != SignatureScheme::None => {
                let secret = self.secret.as_ref();
                let checked = secret.map(|secret| check_signing_secret(&webhook.signature, secret)).transpose();
                checked.map_err(|error| Failure::usage("the signing secret cannot be used").because(&error))?;
            }
            _ => {
                return Err(Failure::usage(format!("the requests of the subscription {} are not signed", self.name))
                    .why("only webhooks have signing secrets, and recipes for GitHub and GitLab do not use them"));
            }
        }
        Ok(RotationPlan { subscription, retire: self.secret.is_none() })
    }

    async fn apply(self, _: RotationPlan, _: Confirmation) -> Result<bool> {
        match self.secret {
            Some(secret) => {
                self.operator.client().rotate_signing_secret(self.name, secret).await?;
                Ok(true)
            }
            None => Ok(self.operator.client().retire_signing_secrets(self.name).await?.retired),
        }
    }
}

impl RotateSecret {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let given = self.secret_file.as_ref().map(|file| read_secret(file, "the signing secret")).transpose()?;
        let generated = (given.is_none() && !self.retire).then(new_signing_secret);
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let rotation = Rotation { operator: &operator, name: &self.name, secret: given.or_else(|| generated.clone()) };
        let changed = change::run(context, rotation, self.dry_run).await;
        operator.close().await?;
        let Some(changed) = changed? else { return Ok(()) };
        let (output, name) = (context.output, self.name.as_str());
        let secret = generated.as_ref().map(Secret::expose);
        if output.is_json() {
            return output.json(&if self.retire {
                SecretRotation { retired: Some(changed), ..NOTHING }
            } else {
                SecretRotation { rotated: Some(name), secret, ..NOTHING }
            });
        }
        if self.retire {
            return output.line(if changed {
                format!("retired the old signing secrets of the subscription {name}")
            } else {
                format!("the subscription {name} has no old signing secrets")
            });
        }
        output.note(format_args!(
            "requests of the subscription {name} are now signed with the new secret and the old ones"
        ));
        output.note(format_args!("when the receiver has it, run: eqp subscriptions rotate-secret {name} --retire"));
        match secret {
            Some(secret) => {
                output.note("store this signing secret at the receiver now; it cannot be shown again:");
                output.line(secret)
            }
            None => output.line(format_args!("added the signing secret to the subscription {name}")),
        }
    }
}
