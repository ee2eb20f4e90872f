-- Alerts: conditions that a person should know about, from their opening to their resolution, and the facts from which they are
-- derived that no table contained so far.


-- 1. Alerts ----------------------------------------------------------------------------------------------------------

-- One row whose lock makes a transaction the only one that writes the two tables below. It also holds the last number of
-- `alert_change`. As in `projector`: with one writer, the numbers are in the order of commits, so a reader can use them as a
-- cursor.
create table eqp.alert_log (
    singleton   boolean primary key default true check (singleton),
    last_number bigint  not null default 0
);

insert into eqp.alert_log default values;

-- A condition that a person should know about. Deleted 180 days after it was resolved.
create table eqp.alert (
    id              bigint      generated always as identity primary key,
    -- Not checked: later versions add kinds, and an older program shows them by name.
    kind            text        not null,
    severity        text        not null check (severity in ('page', 'ticket', 'info')),
    -- Null if it is about the receivers and not about an account.
    account_id      bigint      references eqp.account (id),
    -- What it is about, within its kind and account: an endpoint, a submission and its flow, an event code.
    key             text        not null check (octet_length(key) <= 600),
    -- Facts from which texts are made when the alert is shown.
    data            jsonb       not null default '{}',
    opened_at       timestamptz not null,
    -- When the facts last changed, and how often they have.
    updated_at      timestamptz not null,
    updates         bigint      not null default 0,
    acknowledged_at timestamptz,
    acknowledged_by text        check (octet_length(acknowledged_by) between 1 and 200),
    snoozed_until   timestamptz,
    -- When a reminder last named it.
    reminded_at     timestamptz,
    resolved_at     timestamptz,
    -- Null if its condition ended.
    resolved_by     text        check (octet_length(resolved_by) between 1 and 200),
    check ((acknowledged_at is null) = (acknowledged_by is null)),
    check (resolved_by is null or resolved_at is not null)
);

-- Makes it impossible that a condition has two open alerts. Also serves the list of open alerts.
create unique index alert_open on eqp.alert (kind, coalesce(account_id, 0), key) where resolved_at is null;
-- The last resolution of a condition: one that a person resolved is not opened again for the same facts.
create index alert_by_condition on eqp.alert (kind, account_id, key, resolved_at desc) where resolved_at is not null;
-- `eqp alerts list --all`, and the deletion of old alerts.
create index alert_resolved on eqp.alert (resolved_at desc, id desc) where resolved_at is not null;

-- Everything that happened to alerts. Rows are inserted, never updated, and deleted with their alert.
create table eqp.alert_change (
    number       bigint      primary key,
    -- Null for a reminder, which names several.
    alert_id     bigint      references eqp.alert (id) on delete cascade,
    change       text        not null check (change in
                     ('opened', 'updated', 'acknowledged', 'snoozed', 'noted', 'resolved', 'reminded')),
    at           timestamptz not null,
    -- The person; null if the program did it.
    changed_by   text        check (octet_length(changed_by) between 1 and 200),
    note         text        check (octet_length(note) <= 4000),
    -- The facts at that time; for a reminder, the open alerts.
    data         jsonb       not null default '{}',
    -- The severity at that time. A notification about this change is not sent before `notify_after`: quiet hours.
    severity     text        not null check (severity in ('page', 'ticket', 'info')),
    notify_after timestamptz not null,
    check ((alert_id is null) = (change = 'reminded'))
);

-- The changes of an alert.
create index alert_change_by_alert on eqp.alert_change (alert_id, number) where alert_id is not null;
-- The deletion of old reminders.
create index alert_change_reminder on eqp.alert_change (at) where alert_id is null;


-- 2. What alerts are derived from ------------------------------------------------------------------------------------

alter table eqp.receiver
    -- When the certificate of its public listener expires. Null for plain HTTP.
    add column certificate_expires_at timestamptz,
    -- When the oldest callback in its spool was received. Null if its spool is empty.
    add column spool_oldest_at        timestamptz,
    add column spool_callbacks        bigint not null default 0;

-- Requests that were rejected although their user name is or was that of a credential: probably callbacks with a password that
-- somebody has changed. One row per endpoint.
create table eqp.rejected_callback (
    endpoint_id bigint      primary key references eqp.endpoint (id),
    -- Since the first of an uninterrupted series, in which no two are more than a day apart.
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    requests    bigint      not null check (requests > 0)
);

-- What reconciliation last found in the account's list of callbacks at the Marketplace. One row per endpoint.
create table eqp.registration_check (
    endpoint_id bigint      primary key references eqp.endpoint (id),
    -- A state of a registration, such as `registered` or `missing`.
    state       text        not null,
    consistent  boolean     not null,
    -- Since when every check has found this state.
    since       timestamptz not null,
    checked_at  timestamptz not null
);

-- The type of a package, such as `extension`: reviews of different types take different times.
alter table eqp.resource_detail
    add column package_type text;

-- The submissions and files in review, of which some may be stuck.
create index track_in_review on eqp.track (account_id, resource_id)
    where status in ('queued', 'in-progress', 'in_automation', 'awaiting_manual_qa', 'in_manual_qa',
                     'awaiting_marketing_review', 'in_marketing_review');

-- The last event with a doubtful time: normally none.
create index event_clock_doubtful on eqp.event (account_id, received_at desc) where clock_doubtful;
