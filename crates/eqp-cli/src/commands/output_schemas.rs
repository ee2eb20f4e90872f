//! The registry of the JSON that each command prints, from which the schemas of the reference are generated.

use eqp_console::{
    AccountList, AlertDetail, AlertList, AuditLog, DeliveryDetail, DeliveryList, FoundList, Letter, Replay, ReplayList,
    ReportedEvent, Status, SubmissionLinkList, Subscription, SubscriptionList, TokenList,
};
use eqp_deliver::MessageBody;
use eqp_receiver::Reprojected;
use eqp_store::Event;
use eqp_types::{FileRecord, Package};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::paging::StreamedRecord;
use super::{
    accounts, alerts, ca, callbacks, deliveries, doctor, events, files, generated, init, keys, listen, listings, login,
    logout, migrate, packages, products, release, replays, reports,
};
use super::{
    reconcile, retention, serve, simulator, spool, submissions, subscriptions, token, tools, trigger, upgrade, wait,
    whoami,
};
use crate::change::RequestDryRun;
use crate::failure::ErrorObject;

/// How a command prints objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One object.
    Object,
    /// One object per line.
    Lines,
    /// One object, or one per line with the named option.
    LinesWith(&'static str),
}

/// The JSON of a command.
pub(crate) struct CommandJson {
    /// The command, without `eqp`.
    pub(crate) command: &'static str,
    /// How objects are printed.
    pub(crate) form: Form,
    objects: Vec<SchemaOf>,
}

/// Returns a reference to the schema of a type, which is added to the definitions.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl CommandJson {
    /// Returns the schema of each object that the command prints.
    pub(crate) fn schema(&self) -> Schema {
        schema(&format!("eqp {} --json", self.command), &self.objects)
    }
}

/// Returns the schema of the object that every command prints on standard error if it fails.
pub(crate) fn error_schema() -> Schema {
    schema("Error of any command with --json", &[of::<ErrorObject>])
}

/// Returns the schema of the messages that handlers receive.
pub(crate) fn message_schema() -> Schema {
    schema("Message to a handler", &[of::<MessageBody>])
}

fn schema(title: &str, objects: &[SchemaOf]) -> Schema {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut objects: Vec<Schema> = objects.iter().map(|object| object(&mut generator)).collect();
    let definitions = generator.take_definitions(true);
    let mut schema = match objects.pop() {
        Some(only) if objects.is_empty() => only,
        last => json_schema!({"anyOf": objects.into_iter().chain(last).collect::<Vec<_>>()}),
    };
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), title.into());
    schema.insert("$defs".to_owned(), definitions.into());
    schema
}

fn object(command: &'static str, objects: Vec<SchemaOf>) -> CommandJson {
    CommandJson { command, form: Form::Object, objects }
}

fn lines(command: &'static str, objects: Vec<SchemaOf>) -> CommandJson {
    CommandJson { command, form: Form::Lines, objects }
}

fn lines_with(option: &'static str, command: &'static str, objects: Vec<SchemaOf>) -> CommandJson {
    CommandJson { command, form: Form::LinesWith(option), objects }
}

/// Commands that print no JSON.
pub(crate) const WITHOUT_JSON: &[&str] = &["completions"];

/// Returns the JSON of every command, in the order of the help.
pub(crate) fn all() -> Vec<CommandJson> {
    let business_report = || vec![of::<reports::BusinessReport<'_>> as SchemaOf];
    let mut all = vec![
        lines_with("watch", "status", vec![of::<Status>]),
        object("find", vec![of::<FoundList>]),
        object("demo", vec![of::<crate::demo::report::Report>]),
        object("serve", vec![of::<serve::RunningReceiver<'_>>, of::<ca::CaReport<'_>>]),
        object("simulator", vec![of::<simulator::report::RunningSimulator<'_>>]),
        object(
            "trigger",
            vec![of::<trigger::TriggerReport<'_>>, of::<trigger::TriggerDryRun<'_>>, of::<trigger::KnownEvents<'_>>],
        ),
        object("callbacks list", vec![of::<callbacks::CallbackList<'_>>]),
        object("callbacks plan", vec![of::<callbacks::drift::DriftReport<'_>>]),
        object(
            "callbacks add",
            vec![of::<callbacks::view::RegistrationReport<'_>>, of::<callbacks::change::RegistrationDryRun<'_>>],
        ),
        object(
            "callbacks adopt",
            vec![of::<callbacks::register::Adopted<'_>>, of::<callbacks::change::RegistrationDryRun<'_>>],
        ),
        object(
            "callbacks rotate",
            vec![of::<callbacks::register::Rotated<'_>>, of::<callbacks::change::RegistrationDryRun<'_>>],
        ),
        object("callbacks retire", vec![of::<callbacks::end::Retired<'_>>, of::<callbacks::end::RetireDryRun<'_>>]),
        object(
            "callbacks remove",
            vec![of::<callbacks::end::RemovedEntries<'_>>, of::<callbacks::change::RegistrationDryRun<'_>>],
        ),
        object("callbacks forget", vec![of::<callbacks::forget::ForgottenEndpoint<'_>>]),
    ];
    all.extend(of_accounts());
    all.extend(of_products());
    all.extend(of_deliveries());
    all.extend([
        lines_with(
            "--all",
            "packages list",
            vec![of::<packages::show::PackageSection>, of::<StreamedRecord<'_, Package>>],
        ),
        object("packages show", vec![of::<packages::show::OnePackage<'_>>, of::<packages::show::SeveralPackages<'_>>]),
        object("packages report", vec![of::<packages::report::TestSummary<'_>>]),
        object("packages explain", vec![of::<packages::explain::ExplainReport>]),
        object("packages create", vec![of::<packages::send::SentPackages<'_>>, of::<packages::send::SendDryRun<'_>>]),
        object("packages update", vec![of::<packages::send::SentPackages<'_>>, of::<packages::send::SendDryRun<'_>>]),
        object(
            "packages recall",
            vec![of::<packages::send::SentPackages<'_>>, of::<packages::recall::RecallDryRun<'_>>],
        ),
        object("packages build", vec![of::<packages::build::BuildReport<'_>>, of::<packages::build::BuildDryRun<'_>>]),
        object("packages check", vec![of::<packages::check::CheckReport>]),
        object(
            "packages init",
            vec![of::<packages::init::WrittenManifest<'_>>, of::<packages::init::ManifestDryRun<'_>>],
        ),
        object("packages rules", vec![of::<packages::rules::RuleList>, of::<packages::rules::OneRule<'_>>]),
        object("reports pageviews", business_report()),
        object("reports totals", business_report()),
        object("reports sales", business_report()),
        object("reports refunds", business_report()),
        object("reports metrics", business_report()),
        lines_with(
            "--progress json",
            "release",
            vec![
                of::<release::outcome::ReleaseReport<'_>>,
                of::<release::check::FailedCheck<'_>>,
                of::<eqp_release::Plan>,
                of::<release::progress::ProgressLine<'_>>,
            ],
        ),
        object("alerts list", vec![of::<AlertList>]),
        object("alerts show", vec![of::<AlertDetail>]),
        object("alerts ack", vec![of::<AlertDetail>, of::<alerts::act::AlertDryRun<'_>>]),
        object("alerts snooze", vec![of::<AlertDetail>, of::<alerts::act::AlertDryRun<'_>>]),
        object("alerts note", vec![of::<AlertDetail>, of::<alerts::act::AlertDryRun<'_>>]),
        object("alerts resolve", vec![of::<AlertDetail>, of::<alerts::act::AlertDryRun<'_>>]),
        object("wait", vec![of::<wait::report::WaitSummary<'_>>, of::<wait::report::SeveralWaits<'_>>]),
        object("init", vec![of::<init::WrittenConfiguration<'_>>, of::<init::InitDryRun<'_>>]),
        object("login", vec![of::<login::LoginReport<'_>>, of::<login::LoginDryRun<'_>>]),
        object("logout", vec![of::<logout::LogoutReport<'_>>, of::<logout::LogoutDryRun<'_>>]),
        object("whoami", vec![of::<whoami::AccountReport<'_>>]),
        object("doctor", vec![of::<doctor::DoctorReport<'_>>]),
        object("migrate", vec![of::<migrate::MigrationSummary<'_>>, of::<upgrade::ConversionReport<'_>>]),
        object("spool show", vec![of::<spool::SpoolReport<'_>>]),
        object("spool drain", vec![of::<spool::change::DrainReport>, of::<spool::change::DrainDryRun>]),
        lines("spool export", vec![of::<spool::export::ExportedCallback>]),
        object(
            "spool set-aside",
            vec![of::<spool::change::SetAsideReport<'_>>, of::<spool::change::SetAsideDryRun<'_>>],
        ),
    ]);
    all.extend(of_upkeep());
    all.extend(of_tokens());
    all.extend(of_generated());
    all
}

/// Returns the JSON of the commands that maintain a database.
fn of_upkeep() -> Vec<CommandJson> {
    vec![object("reproject", vec![of::<Reprojected>]), object("retention", vec![of::<retention::RetentionReport>])]
}

/// Returns the JSON of the commands about tokens, and of the audit log.
fn of_tokens() -> Vec<CommandJson> {
    vec![
        object("token create", vec![of::<token::create::TokenCreation<'_>>, of::<token::create::TokenDryRun<'_>>]),
        object("token link", vec![of::<token::link::LinkCreation<'_>>, of::<token::link::LinkDryRun<'_>>]),
        object("token list", vec![of::<TokenList>]),
        object("token revoke", vec![of::<token::revoke::RevocationReport<'_>>]),
        object("audit list", vec![of::<AuditLog>]),
    ]
}

/// Returns the JSON of the commands about generated files.
fn of_generated() -> Vec<CommandJson> {
    vec![
        object("ca", vec![of::<ca::CaReport<'_>>, of::<ca::CaDryRun<'_>>]),
        object("man", vec![of::<generated::ManualPages<'_>>]),
    ]
}

/// Returns the JSON of the commands about products, listings, tools and keys.
fn of_products() -> Vec<CommandJson> {
    vec![
        object("keys list", vec![of::<keys::KeyList<'_>>]),
        object("keys create", vec![of::<keys::change::CreatedKeys<'_>>, of::<RequestDryRun<'_>>]),
        object("keys enable", vec![of::<keys::change::SwitchedKey<'_>>, of::<RequestDryRun<'_>>]),
        object("keys disable", vec![of::<keys::change::SwitchedKey<'_>>, of::<RequestDryRun<'_>>]),
        object("keys delete", vec![of::<keys::change::DeletedKey<'_>>, of::<RequestDryRun<'_>>]),
        object("packages published", vec![of::<packages::published::PublishedList<'_>>]),
        object("packages recertify", vec![of::<packages::recertify::RecertificationList<'_>>]),
        object("tools install", vec![of::<tools::install::ToolReport>, of::<tools::install::ToolDryRun<'_>>]),
        object("tools list", vec![of::<tools::list::ToolList>]),
        object("listings due", vec![of::<listings::due::DueDates<'_>>]),
        object("products list", vec![of::<products::ProductList<'_>>]),
        object("listings pull", vec![of::<listings::pull::PulledListings>]),
        object("listings diff", vec![of::<listings::diff::ComparedListings>]),
        object("listings push", vec![of::<listings::push::PushedPrices>, of::<listings::push::PushDryRun>]),
    ]
}

/// Returns the JSON of the commands about accounts, events, submissions and files.
fn of_accounts() -> Vec<CommandJson> {
    vec![
        object("accounts add", vec![of::<accounts::add::AddedReport<'_>>, of::<accounts::add::AccountDryRun<'_>>]),
        object("accounts list", vec![of::<AccountList>]),
        object("accounts remove", vec![of::<accounts::remove::RemovalReport<'_>>]),
        lines("reconcile", vec![of::<reconcile::ComparedAccount<'_>>]),
        object("events list", vec![of::<events::ListedEvents<'_>>]),
        lines("events tail", vec![of::<Event>]),
        object("events show", vec![of::<ReportedEvent>]),
        object("events replay", vec![of::<events::replay::ReplayOutcome<'_>>, of::<events::replay::ReplayDryRun<'_>>]),
        object("submissions list", vec![of::<submissions::SubmissionList<'_>>]),
        object("submissions show", vec![of::<submissions::SubmissionHistories<'_>>]),
        object("submissions letter", vec![of::<Letter>]),
        object(
            "submissions link",
            vec![
                of::<submissions::link::SubmissionLinkCreation<'_>>,
                of::<submissions::link::SubmissionLinkDryRun<'_>>,
            ],
        ),
        object("submissions links", vec![of::<SubmissionLinkList>]),
        object("submissions unlink", vec![of::<submissions::unlink::UnlinkReport>]),
        lines_with("--all", "files list", vec![of::<files::FileSection>, of::<StreamedRecord<'_, FileRecord>>]),
        object("files show", vec![of::<FileRecord>]),
        object("files upload", vec![of::<files::UploadedFiles<'_>>, of::<RequestDryRun<'_>>]),
        object("files delete", vec![of::<files::DeletedFile<'_>>, of::<RequestDryRun<'_>>]),
    ]
}

/// Returns the JSON of the commands about subscriptions and deliveries.
fn of_deliveries() -> Vec<CommandJson> {
    vec![
        object(
            "subscriptions add",
            vec![of::<subscriptions::add::SubscriptionCreation<'_>>, of::<subscriptions::add::SubscriptionDryRun<'_>>],
        ),
        object("subscriptions list", vec![of::<SubscriptionList>]),
        object("subscriptions show", vec![of::<Subscription>]),
        object(
            "subscriptions test",
            vec![of::<subscriptions::test::TestReport<'_>>, of::<subscriptions::test::TestDryRun<'_>>],
        ),
        object("subscriptions pause", vec![of::<subscriptions::state::StateReport<'_>>]),
        object("subscriptions resume", vec![of::<subscriptions::state::StateReport<'_>>]),
        object("subscriptions recipes", vec![of::<subscriptions::recipes::RecipeList>]),
        object("subscriptions rotate-secret", vec![of::<subscriptions::rotate_secret::SecretRotation<'_>>]),
        object("subscriptions remove", vec![of::<subscriptions::remove::SubscriptionRemoval<'_>>]),
        object("deliveries list", vec![of::<DeliveryList>]),
        object("deliveries show", vec![of::<DeliveryDetail>]),
        object("deliveries retry", vec![of::<deliveries::change::DeliveryChanges<'_>>]),
        object("deliveries discard", vec![of::<deliveries::change::DeliveryChanges<'_>>]),
        lines("listen", vec![of::<listen::ListenedMessage<'_>>]),
        object("replays list", vec![of::<ReplayList>]),
        object("replays show", vec![of::<Replay>]),
        object("replays cancel", vec![of::<replays::Cancellation<'_>>]),
    ]
}
