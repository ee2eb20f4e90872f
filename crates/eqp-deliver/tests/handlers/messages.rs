//! Messages of each kind, with fixed content.

use eqp_deliver::{
    AlertChange, AlertData, DigestChange, DigestData, DigestProduct, DigestSubmission, Event, Message, MessageContext,
    OpenAlert, ReminderData,
};
use eqp_store::internal::{Account, ReportId};
use eqp_store::{Disposition, EventKind, Origin};
use eqp_types::{Environment, Flow};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::{Uuid, uuid};

pub(crate) const INSTANCE: Uuid = uuid!("7f3c0a52-9a0c-4f0e-8f0e-2b6f7f9f6a11");
pub(crate) const RECEIVED: OffsetDateTime = datetime!(2026-11-27 09:15:02.5 UTC);
const CALLBACK: Uuid = uuid!("019ac4a1-52a4-7c33-8a0f-1d2b3c4d5e6f");

fn event(seq: i64, kind: EventKind) -> Event {
    let account = Account { id: 1, environment: Environment::Production, mage_id: "MAG123456789".parse().unwrap() };
    Event::new(seq, &account, kind, RECEIVED, (ReportId::Callback(CALLBACK), Origin::Callback))
}

/// A technical review that was rejected.
pub(crate) fn rejection() -> Message {
    let (event, context) = rejected();
    Message::of_event(INSTANCE, &event, &context)
}

pub(crate) fn rejected() -> (Event, MessageContext) {
    let mut rejection = event(4711, EventKind::Submission);
    rejection.resource_id = Some("5wsgr9vp2u".to_owned());
    rejection.item_id = Some("checkout-150".to_owned());
    rejection.flow = Some(Flow::Technical);
    rejection.status = Some("rejected".to_owned());
    rejection.modified_at = Some("2026-11-27 09:14:58".parse().unwrap());
    rejection.explicit = true;
    rejection.disposition = Some(Disposition::Applied);
    rejection.applied = true;
    (rejection, context())
}

pub(crate) fn context() -> MessageContext {
    let mut context = MessageContext::default();
    for (flow, status) in [("overall", "in_progress"), ("technical", "rejected"), ("marketing", "approved")] {
        context.statuses.insert(flow.to_owned(), status.to_owned());
    }
    context.previous_status = Some("in_progress".to_owned());
    context.resource_sequence = Some(4711);
    context.sku = Some("acme/checkout".to_owned());
    context.version = Some("1.5.0".to_owned());
    context.name = Some("Checkout \"Plus\"".to_owned());
    context.submitted_at = Some(datetime!(2026-11-25 08:00 UTC));
    context.store_version = Some("1.4.2".to_owned());
    context.urls.page = Some("https://eqp.example.com/submissions/5wsgr9vp2u".to_owned());
    context
}

/// A message about a version whose repository and tag the worker's configuration contains.
pub(crate) fn of_source((event, mut context): (Event, MessageContext), repository: &str, tag: &str) -> Message {
    context.source.repository = Some(repository.to_owned());
    context.source.tag = Some(tag.to_owned());
    Message::of_event(INSTANCE, &event, &context)
}

/// A release to the store, of the overall flow.
pub(crate) fn release() -> Message {
    let (event, context) = released();
    Message::of_event(INSTANCE, &event, &context)
}

pub(crate) fn released() -> (Event, MessageContext) {
    let mut released = event(4720, EventKind::Submission);
    released.resource_id = Some("5wsgr9vp2u".to_owned());
    released.flow = Some(Flow::Overall);
    released.status = Some("released_to_store".to_owned());
    released.explicit = true;
    released.disposition = Some(Disposition::Applied);
    released.applied = true;
    let mut context = context();
    context.statuses.insert("overall".to_owned(), "released_to_store".to_owned());
    context.previous_status = Some("approved".to_owned());
    (released, context)
}

pub(crate) fn scan() -> Message {
    let mut scan = event(4712, EventKind::File);
    scan.resource_id = Some("5e7a0c2f.zip.1".to_owned());
    scan.flow = Some(Flow::Malware);
    scan.status = Some("passed".to_owned());
    scan.explicit = true;
    scan.disposition = Some(Disposition::Applied);
    scan.applied = true;
    let mut context = MessageContext::default();
    context.statuses.insert("malware".to_owned(), "passed".to_owned());
    context.resource_sequence = Some(1);
    Message::of_event(INSTANCE, &scan, &context)
}

pub(crate) fn unrecognized(kind: EventKind, reason: &str) -> Message {
    let mut unrecognized = event(4713, kind);
    unrecognized.reason = Some(reason.to_owned());
    Message::of_event(INSTANCE, &unrecognized, &MessageContext::default())
}

pub(crate) fn alert(change: AlertChange) -> Message {
    let mut data = AlertData::new(
        (12, "callbacks_missed", "page"),
        ("callbacks missed", "Nothing is lost: two changes were read from the API.\nFirst check: eqp doctor --canary"),
        datetime!(2026-11-27 02:14 UTC),
    );
    data.environment = Some(Environment::Production);
    data.mage_id = Some("MAG123456789".parse().unwrap());
    Message::of_alert(INSTANCE, 31, change, RECEIVED, data)
}

pub(crate) fn reminder() -> Message {
    let opened_at = datetime!(2026-11-27 02:14 UTC);
    let mut missed = OpenAlert::new((12, "callbacks_missed", "page"), "callbacks missed (1 of 1 endpoint)", opened_at);
    missed.environment = Some(Environment::Production);
    missed.mage_id = Some("MAG123456789".parse().unwrap());
    let spool = OpenAlert::new((15, "spool_not_empty", "page"), "spool not empty <1 receiver>", opened_at);
    Message::of_reminder(INSTANCE, 40, RECEIVED, ReminderData::new("page", vec![missed, spool]))
}

pub(crate) fn digest() -> Message {
    let end = datetime!(2026-11-30 08:00 UTC);
    let mut rejected = DigestSubmission::new("5wsgr9vp2u");
    rejected.version = Some("1.5.0".to_owned());
    rejected.statuses = context().statuses;
    let mut submitted = DigestChange::new(Flow::Overall, "in_progress", datetime!(2026-11-25 08:00 UTC));
    submitted.previous_status = Some("draft".to_owned());
    let automated = DigestChange::new(Flow::Technical, "in_automation", datetime!(2026-11-26 08:00 UTC));
    rejected.changes = vec![submitted, automated, DigestChange::new(Flow::Technical, "rejected", RECEIVED)];
    let mut waiting = DigestSubmission::new("s5w9k703ru");
    waiting.in_review = true;
    for (flow, status) in [("overall", "in_progress"), ("technical", "in_manual_qa")] {
        waiting.statuses.insert(flow.to_owned(), status.to_owned());
    }
    let account = || (Environment::Production, "MAG123456789".parse().unwrap());
    let product = |sku: Option<&str>, submission| {
        let (environment, mage_id) = account();
        DigestProduct::new(environment, mage_id, sku.map(str::to_owned), vec![submission])
    };
    let mut checkout = product(Some("acme/checkout"), rejected);
    checkout.store_version = Some("1.4.2".to_owned());
    let mut stuck =
        OpenAlert::new((12, "review_stuck", "ticket"), "In manual QA for 19 d", datetime!(2026-11-22 08:00 UTC));
    stuck.sku = Some("acme/giftcard".to_owned());
    let products = vec![checkout, product(None, waiting)];
    Message::of_digest(INSTANCE, 3, DigestData::new((end - time::Duration::WEEK, end), products, vec![stuck]))
}

pub(crate) fn test() -> Message {
    Message::of_test(INSTANCE, uuid!("019ac4a1-0000-7000-8000-000000000001"), RECEIVED, "ci")
}

pub(crate) fn one_of_each_type() -> Vec<Message> {
    vec![
        rejection(),
        scan(),
        unrecognized(EventKind::Unknown, "eqp_legal_status_update"),
        unrecognized(EventKind::Undecodable, "the body is not JSON"),
        alert(AlertChange::Opened),
        alert(AlertChange::Acknowledged),
        alert(AlertChange::Resolved),
        reminder(),
        digest(),
        test(),
    ]
}
