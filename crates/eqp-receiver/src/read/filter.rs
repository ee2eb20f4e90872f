//! What a reader asks for. Every field that is none asks for everything.

use eqp_types::{Environment, Flow, MageId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{EventKind, Mark};

/// How many rows are answered when nothing else is said.
const DEFAULT_LIMIT: u32 = 50;

/// The most rows of one answer; who wants more asks again from the last `seq`.
pub(crate) const HIGHEST_LIMIT: u32 = 10_000;

/// In which order events come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Highest `seq` first.
    #[default]
    NewestFirst,
    /// Lowest `seq` first: to follow on from a cursor.
    OldestFirst,
}

/// Which events.
#[derive(Clone, Debug, PartialEq)]
pub struct EventFilter {
    /// Of this environment.
    pub environment: Option<Environment>,
    /// Of this account.
    pub mage_id: Option<MageId>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Of this submission or file.
    pub subject: Option<String>,
    /// Of this flow.
    pub flow: Option<Flow>,
    /// With this outcome; either spelling of a scan's outcome will do.
    pub outcome: Option<String>,
    /// With this mark.
    pub mark: Option<Mark>,
    /// Told by this callback.
    pub callback_id: Option<Uuid>,
    /// With a `seq` above this.
    pub after_seq: Option<i64>,
    /// With a `seq` below this.
    pub before_seq: Option<i64>,
    /// Received at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Received before this time.
    pub until: Option<OffsetDateTime>,
    /// In this order.
    pub order: Order,
    /// At most so many; 50 when nothing is said, 10,000 at most.
    pub limit: u32,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            kind: None,
            subject: None,
            flow: None,
            outcome: None,
            mark: None,
            callback_id: None,
            after_seq: None,
            before_seq: None,
            since: None,
            until: None,
            order: Order::default(),
            limit: DEFAULT_LIMIT,
        }
    }
}

/// Which submissions; the one that changed last comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct SubmissionFilter {
    /// Of this environment.
    pub environment: Option<Environment>,
    /// Of this account.
    pub mage_id: Option<MageId>,
    /// With this id.
    pub submission_id: Option<String>,
    /// With this id of the developer's own.
    pub item_id: Option<String>,
    /// Whose overall state is this.
    pub overall: Option<String>,
    /// Whose technical review is in this state.
    pub technical: Option<String>,
    /// Whose marketing review is in this state.
    pub marketing: Option<String>,
    /// Of which some flow is, or is not, in doubt until the API is asked.
    pub tied: Option<bool>,
    /// That changed last before the event with this `seq`: the next page.
    pub before_seq: Option<i64>,
    /// At most so many; 50 when nothing is said, 10,000 at most.
    pub limit: u32,
}

impl Default for SubmissionFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            submission_id: None,
            item_id: None,
            overall: None,
            technical: None,
            marketing: None,
            tied: None,
            before_seq: None,
            limit: DEFAULT_LIMIT,
        }
    }
}

/// Which files; the one that changed last comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct FileFilter {
    /// Of this environment.
    pub environment: Option<Environment>,
    /// Of this account.
    pub mage_id: Option<MageId>,
    /// With this id.
    pub file_upload_id: Option<String>,
    /// Whose scan is in this state; either spelling will do.
    pub malware: Option<String>,
    /// That changed last before the event with this `seq`: the next page.
    pub before_seq: Option<i64>,
    /// At most so many; 50 when nothing is said, 10,000 at most.
    pub limit: u32,
}

impl Default for FileFilter {
    fn default() -> Self {
        Self {
            environment: None,
            mage_id: None,
            file_upload_id: None,
            malware: None,
            before_seq: None,
            limit: DEFAULT_LIMIT,
        }
    }
}
