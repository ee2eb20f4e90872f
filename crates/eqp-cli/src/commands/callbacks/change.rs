//! Code that all changes of registrations share: passwords of unmanaged entries, the plan, and access to the database,
//! which is only written to after the plan was confirmed.

use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use eqp_store::{Endpoints, PublicUrl};
use eqp_sync::{Applied, EntrySelector, NewRegistration, Plan, Registrations, Snapshot, Step, Unmanaged};
use eqp_types::Secret;
use serde::Serialize;
use serde_json::{Value, json};

use super::view::{self, AppliedChange};
use crate::arguments::duration;
use crate::change::{self, Change, Confirmation, Question};
use crate::compose::client::client;
use crate::compose::database::{Database, Migrate, Upgrade};
use crate::compose::receiver::{endpoints_to_read, known_master_key, master_key};
use crate::config::read_secret;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Output, escaped};

/// Options for unmanaged entries and dry runs
#[derive(Args, Debug)]
pub(super) struct ChangeOptions {
    /// File (mode 0600, or - for standard input) with the password of another program's entry (repeatable)
    #[arg(long, value_name = "URL[#USER]=FILE")]
    password_of: Vec<String>,
    /// Allow another program's entry to lose its password, and so its callbacks (repeatable)
    #[arg(long, value_name = "URL[#USER]")]
    may_lose_password: Vec<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl ChangeOptions {
    fn unmanaged(&self) -> Result<Unmanaged> {
        let passwords = self.password_of.iter().map(|text| password_of(text)).collect::<Result<Vec<_>>>()?;
        let unmanaged = passwords.into_iter().fold(Unmanaged::new(), |all, (entry, one)| all.password_of(entry, one));
        let may_lose = self.may_lose_password.iter().map(|text| EntrySelector::parse(text));
        Ok(may_lose.fold(unmanaged, Unmanaged::may_lose_password))
    }

    /// Plans a change of the list, and applies it once it is confirmed. Returns `None` after a dry run.
    pub(super) async fn change(
        &self,
        context: &Context,
        plan: impl Fn(&Snapshot) -> Result<Plan, eqp_sync::Error>,
    ) -> Result<Option<AppliedChange>> {
        let unmanaged = self.unmanaged()?;
        change::<ListPlan>(context, self.dry_run, |snapshot| plan(&snapshot.with_unmanaged(unmanaged.clone()))).await
    }
}

/// Represents the user name that a run would generate.
const NEW_USERNAME: &str = "(generated)";

/// Replaces each text in a JSON value.
fn replace_text(value: &mut Value, replace: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = replace(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_text(item, replace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_text(field, replace)),
        _ => {}
    }
}

/// A plan that may write the Marketplace's list.
pub(super) struct ListPlan(Plan);

impl From<Plan> for ListPlan {
    fn from(plan: Plan) -> Self {
        Self(plan)
    }
}

impl From<ListPlan> for Plan {
    fn from(ListPlan(plan): ListPlan) -> Self {
        plan
    }
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RegistrationDryRun<'a> {
    /// The Marketplace's list of callbacks after the change, a sentence for each entry; empty if it is not written.
    would_write: &'a [String],
    /// Other changes of this receiver, each in a sentence.
    would_change_here: &'a [String],
    /// All steps, in order.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Step>"))]
    steps: Value,
}

impl change::Plan for ListPlan {
    fn show(self, output: Output) -> Result {
        let Self(plan) = &self;
        let (mut list, mut here) = (Vec::new(), Vec::new());
        for step in plan.steps() {
            match step {
                Step::WriteList { .. } => list.extend(step.lines()),
                Step::RetireAfter { endpoint, usernames, grace } => {
                    let usernames = usernames.join(", ");
                    here.push(format!("{endpoint}: reject {usernames} after {}", view::length(grace.as_secs())));
                }
                Step::Confirm { .. } | Step::Accept { .. } | Step::Refuse { .. } => here.extend(step.lines()),
                // These steps follow from the list that is written.
                _ => {}
            }
        }
        // The run itself generates another one.
        let generated = plan.generated_username();
        let shown = |text: &str| generated.map_or_else(|| text.to_owned(), |name| text.replace(name, NEW_USERNAME));
        let (list, here): (Vec<_>, Vec<_>) =
            (list.iter().map(|line| shown(line)).collect(), here.iter().map(|line| shown(line)).collect());
        if output.is_json() {
            let mut steps = json!(plan.steps());
            replace_text(&mut steps, &shown);
            return output.json(&RegistrationDryRun { would_write: &list, would_change_here: &here, steps });
        }
        if plan.is_empty() {
            output.note("nothing to do");
        }
        list.iter().chain(&here).try_for_each(|line| output.line(escaped(line)))
    }

    /// Returns the new list.
    fn notes(&self) -> Vec<String> {
        let writes = self.0.steps().iter().filter(|step| matches!(step, Step::WriteList { .. }));
        writes.flat_map(Step::lines).map(|line| escaped(&line)).collect()
    }

    fn question(&self) -> Question {
        if self.0.writes_list() {
            Question::Write(self.0.environment(), "Write this list of callbacks".to_owned())
        } else {
            Question::Nothing
        }
    }
}

/// Changes the account's registrations. The data folder, the master key and the database are only created, and written to, when
/// the plan is applied.
struct RegistrationChange<'a, P, F> {
    context: &'a Context,
    registrations: Registrations,
    /// Computes the plan.
    plan: F,
    dry_run: bool,
    /// How the plan is shown and confirmed.
    kind: PhantomData<P>,
}

impl<P, F> Change for RegistrationChange<'_, P, F>
where
    P: change::Plan + From<Plan> + Into<Plan>,
    F: Fn(Snapshot) -> Result<Plan, eqp_sync::Error>,
{
    type Plan = P;
    type Applied = AppliedChange;

    async fn observe(&mut self) -> Result<P> {
        if !self.dry_run {
            // The lock is taken before the question, so that a concurrent change fails at once instead of after the
            // confirmation.
            self.registrations.lock().await?;
        }
        Ok((self.plan)(self.registrations.observe().await?)?.into())
    }

    async fn apply(mut self, plan: P, confirmation: Confirmation) -> Result<AppliedChange> {
        let plan = plan.into();
        let applied = if plan.is_empty() {
            self.registrations.apply(&plan, confirmation).await?
        } else {
            apply(self.context, self.registrations, &plan, confirmation).await?
        };
        Ok(AppliedChange { plan, applied })
    }
}

/// Plans a change of registrations, and applies it once it is confirmed. Returns `None` after a dry run.
pub(super) async fn change<P: change::Plan + From<Plan> + Into<Plan>>(
    context: &Context,
    dry_run: bool,
    plan: impl Fn(Snapshot) -> Result<Plan, eqp_sync::Error>,
) -> Result<Option<AppliedChange>> {
    with_registrations(context, Upgrade::unless(dry_run), async |registrations| {
        let change = RegistrationChange::<P, _> { context, registrations, plan, dry_run, kind: PhantomData };
        change::run(context, change, dry_run).await
    })
    .await
}

/// Opens the database for writing, and applies a plan.
async fn apply(
    context: &Context,
    registrations: Registrations,
    plan: &Plan,
    confirmation: Confirmation,
) -> Result<Applied> {
    let data = context.settings.data.open()?;
    let database = Database::open(context, Migrate::WhenEmpty).await?;
    let applied = async {
        let key = master_key(&database, &data).await?;
        let endpoints = Endpoints::open(database.pool().clone(), key).await?;
        Ok(registrations.with_database(endpoints).apply(plan, confirmation).await?)
    }
    .await;
    database.close().await?;
    applied
}

/// Works with the account's registrations. The database is only read; nothing is created that does not exist.
pub(super) async fn with_registrations<T>(
    context: &Context,
    upgrade: Upgrade,
    work: impl AsyncFnOnce(Registrations) -> Result<T>,
) -> Result<T> {
    let client = client(&context.settings.marketplace)?;
    let data = context.settings.data.look()?;
    let key = known_master_key(&data)?;
    let Some(database) = Database::open_to_look(context, upgrade).await? else {
        return work(Registrations::without_database(client)).await;
    };
    let done = async {
        let endpoints = endpoints_to_read(&database, &data, key).await?;
        let registrations = match endpoints {
            Some(endpoints) => Registrations::new(client, endpoints),
            None => Registrations::without_database(client),
        };
        work(registrations).await
    }
    .await;
    database.close().await?;
    done
}

/// Describes the registration of an endpoint.
pub(super) fn new_registration(name: String, url: Option<PublicUrl>, path: Option<String>) -> NewRegistration {
    let new = NewRegistration::new(name);
    let new = url.into_iter().fold(new, NewRegistration::url);
    path.into_iter().fold(new, NewRegistration::path)
}

/// Parses a URL that can be registered.
pub(super) fn public_url(text: &str) -> Result<PublicUrl> {
    text.parse().map_err(|error| {
        Failure::usage("this URL cannot be registered")
            .because(&error as &eqp_store::PublicUrlError)
            .next("pass the receiver's public URL, such as https://eqp.example.com/callbacks/main")
    })
}

/// Parses a grace period, such as `24h`.
pub(super) fn grace(text: &str) -> Result<Duration, String> {
    Ok(duration(text)?.unsigned_abs())
}

fn password_of(text: &str) -> Result<(EntrySelector, Secret)> {
    let (entry, file) =
        text.rsplit_once('=').filter(|(entry, file)| !entry.is_empty() && !file.is_empty()).ok_or_else(|| {
            Failure::usage("--password-of must be written as URL=FILE")
                .next("--password-of https://other.example.com/hook=password.txt")
        })?;
    Ok((EntrySelector::parse(entry), read_secret(Path::new(file), "a callback's password")?))
}
