-- The tables of the receiver, in the order in which data flows through them: accounts and endpoints (who may call, and
-- where), callbacks (what arrived), tracks and events (what it means), handlers (who has processed it).
--
-- Everything is in the schema `eqp`, so that the receiver can share a database with the service that embeds it.
--
-- Conventions:
--   * `text` with a check instead of enum types: a later migration can add a value without `alter type`.
--   * `bytea` for whatever a sender controls and we must return unchanged. `text` must be valid UTF-8 without NUL.
--   * All times are `timestamptz`. `modified_at` is always the Marketplace's time, every other one is ours.
--   * Each index states the query that it serves. An index without a query is only a cost.

create schema if not exists eqp;


-- 1. Accounts and endpoints ------------------------------------------------------------------------------------------

-- One row that identifies the database. A spool file only drains into the database whose `id` it contains.
create table eqp.instance (
    -- The primary key can only be `true`, so there is at most one row.
    singleton              boolean     primary key default true check (singleton),
    id                     uuid        not null,
    -- Fingerprint of the master key that made the hashes and sealed passwords below. A receiver with another key would
    -- reject every callback, so it compares fingerprints and refuses to start instead.
    master_key_fingerprint bytea       not null check (octet_length(master_key_fingerprint) = 32),
    -- Incremented by the triggers below whenever endpoints or credentials change.
    credential_generation  bigint      not null default 0,
    created_at             timestamptz not null default now()
);

-- A Marketplace account (`mage_id`) in one of the two environments.
create table eqp.account (
    id          bigint      generated always as identity primary key,
    environment text        not null check (environment in ('production', 'sandbox')),
    mage_id     text        not null check (octet_length(mage_id) between 1 and 255),
    created_at  timestamptz not null default now(),
    unique (environment, mage_id)
);

-- A path on which the receiver accepts the callbacks of one account. Rows are retired, never deleted, because
-- `callback.endpoint_id` has no foreign key (checking one would slow down every insert into the hottest table).
create table eqp.endpoint (
    id         bigint      generated always as identity primary key,
    account_id bigint      not null references eqp.account (id),
    name       text        not null unique check (octet_length(name) between 1 and 100),
    path       text        not null unique check (path like '/%' and octet_length(path) <= 500),
    public_url text        not null check (octet_length(public_url) <= 2000),
    created_at timestamptz not null default now(),
    retired_at timestamptz
);

-- A user name and password with which the Marketplace may call an endpoint. During a rotation an endpoint has two.
create table eqp.credential (
    id            bigint      generated always as identity primary key,
    endpoint_id   bigint      not null references eqp.endpoint (id),
    username      text        not null check (octet_length(username) between 1 and 255),
    -- HMAC-SHA256 under the master key. Not a slow password hash: passwords are 32 random bytes, so there is nothing to
    -- guess, and a slow hash would let unauthenticated requests keep the processor busy.
    password_hmac bytea       not null check (octet_length(password_hmac) = 32),
    -- pending: created, not yet known to be registered; active: registered; retiring: replaced, still accepted during
    -- the grace period; retired: rejected.
    state         text        not null check (state in ('pending', 'active', 'retiring', 'retired')),
    created_at    timestamptz not null default now(),
    -- Since when the Marketplace may be using it. A callback after this time proves that it does.
    active_since  timestamptz,
    -- Times of the first and the last callback that came with it.
    first_used_at timestamptz,
    last_used_at  timestamptz,
    -- While retiring: how long it is accepted after the first callback with its successor. Nobody knows when the
    -- Marketplace switches over, so the grace period cannot start earlier.
    retire_grace  interval,
    -- While retiring: when it will be rejected. Null until its successor has been used.
    retire_at     timestamptz,
    unique (endpoint_id, username)
);

-- Passwords encrypted under the master key: a registration list can only be written as a whole, with every password in
-- it. Not in `credential`, so that the role that accepts callbacks does not need the right to read them.
create table eqp.sealed_secret (
    credential_id bigint primary key references eqp.credential (id) on delete cascade,
    -- First bytes of the fingerprint of the master key that decrypts it.
    key_id        bytea  not null,
    nonce         bytea  not null,
    ciphertext    bytea  not null
);

-- The running receivers, and up to which change each has loaded the credentials: a command that changes credentials
-- waits until all running receivers have loaded the change.
create table eqp.receiver (
    id                    uuid        primary key,
    heartbeat_at          timestamptz not null,
    credential_generation bigint      not null
);

-- Triggers count the changes, so that no statement can forget to, including those that an operator types into psql.
-- The update locks the instance row until the change commits, so generations are assigned in the order of commits.
create function eqp.credentials_changed() returns trigger
    language plpgsql as
$$
begin
    update eqp.instance set credential_generation = credential_generation + 1;
    perform pg_notify('eqp_credentials', '');
    return null;
end
$$;

create trigger endpoint_changed
    after insert or delete or update of account_id, name, path, retired_at
    on eqp.endpoint
    for each statement
execute function eqp.credentials_changed();

-- `first_used_at` and `last_used_at` are not listed: they are written all the time and change nothing for receivers.
create trigger credential_changed
    after insert or delete or update of endpoint_id, username, password_hmac, state
    on eqp.credential
    for each statement
execute function eqp.credentials_changed();


-- 2. Callbacks -------------------------------------------------------------------------------------------------------

-- Every authenticated callback, byte for byte. Rows are inserted, never updated, and deleted only by retention.
--
-- This table decides how fast callbacks can be accepted, so it has no foreign keys, no checks and only one index. The
-- key is a UUIDv7, which starts with the time: new rows go to the end of the index, and retention, which deletes the
-- oldest, reads it from the start. An index on a random value (such as a digest) would halve the insert rate.
create table eqp.callback (
    id            uuid        primary key,
    endpoint_id   bigint      not null,
    credential_id bigint      not null,
    received_at   timestamptz not null,
    source        inet        not null,
    -- The allowed headers as `name:value` lines, never Authorization or Cookie. `:path` is the requested path and
    -- query, present only if it is not the registered one.
    headers       bytea       not null,
    body          bytea       not null,
    -- How it was stored: 'writer' (directly) or 'spool' (on disk first, because Postgres was not available).
    via           text        not null
);

-- The queue of callbacks that are not projected yet: one row per batch that the writer committed, which costs less
-- than one row per callback. A cursor over callback ids would not do: it would skip rows that are committed late.
create table eqp.callback_pending (
    id           bigint generated always as identity primary key,
    callback_ids uuid[] not null
)
-- Every row is deleted soon after it was inserted. Vacuum by number of dead rows rather than by share of the table, or
-- reading the head of the queue would have to skip ever more dead rows.
with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);


-- 3. Tracks and events -----------------------------------------------------------------------------------------------

-- One row whose lock makes a transaction the projector: only its holder writes the tables of this section. It also
-- holds the last numbers that were assigned. They come from here and not from sequences because a sequence assigns
-- numbers in another order than transactions commit in: with one writer, a reader that has seen event 7 knows that no
-- event below 7 will appear later, so `event.seq` can be used as a cursor.
create table eqp.projector (
    singleton      boolean primary key default true check (singleton),
    last_event_seq bigint  not null default 0,
    last_track_id  bigint  not null default 0,
    -- Of `callback_disposition.ordinal`.
    last_ordinal   bigint  not null default 0
);

insert into eqp.projector default values;

-- The current status of one flow of one resource.
create table eqp.track (
    id            bigint      primary key,
    account_id    bigint      not null,
    resource_kind text        not null check (resource_kind in ('submission', 'file')),
    -- The Marketplace's `submission_id` or `file_upload_id`.
    resource_id   text        not null,
    -- Not checked: the Marketplace may add flows.
    flow          text        not null,
    -- The developer's own ID of the submission. All tracks of a submission have the newest one that was reported.
    item_id       text,
    -- The status now, in its canonical spelling, and the reported time of it if one is known.
    status        text        not null,
    modified_at   timestamptz,
    -- The latest reported time of any report about this track, including duplicates.
    seen_until    timestamptz,
    -- Several statuses were reported for the second `seen_until`: which of them came last, only the API can tell.
    ambiguous     boolean     not null,
    -- The callback and the event that the status comes from.
    received_at   timestamptz not null,
    callback_id   uuid,
    event_seq     bigint      not null,
    -- Serves the projector (load the tracks of these resources) and the statuses of a submission in lists.
    constraint track_by_resource unique (account_id, resource_kind, resource_id, flow)
)
-- Tracks are updated often. Free space in each page allows updates that do not touch the indexes (HOT updates).
with (fillfactor = 80);

-- `eqp submissions show ITEM_ID`, and `SubmissionFilter::item_id`.
create index track_by_item_id on eqp.track (item_id) where item_id is not null;

-- `SubmissionFilter::ambiguous`: a track can become ambiguous without an event that says so.
create index track_ambiguous on eqp.track (account_id, resource_id) where ambiguous;

-- The history: every report that said something new. Events are not updated; only reprojection, after a change of the
-- decoder or of the rule, replaces events that come out differently (under new numbers).
create table eqp.event (
    seq            bigint      primary key,
    -- The track and its resource. Null for callbacks with an unknown event code and those that cannot be decoded.
    track_id       bigint,
    account_id     bigint      not null,
    kind           text        not null check (kind in ('submission', 'file', 'unknown', 'undecodable')),
    resource_id    text,
    flow           text,
    status         text,
    -- The time that was reported, whether it is trusted or not.
    modified_at    timestamptz,
    -- `modified_at` is far after `received_at`, so a clock is wrong. Such a time is not used to order events.
    clock_doubtful boolean     not null default false,
    received_at    timestamptz not null,
    origin         text        not null check (origin in ('callback', 'reconcile')),
    -- The report was about this flow. Otherwise it was about another flow and mentioned the status of this one.
    explicit       boolean     not null,
    -- What the rule decided (the table is in ARCHITECTURE.md); null for events without a track.
    disposition    text        check (disposition in ('applied', 'reentered', 'ambiguous', 'late')),
    -- It became the status of its track: always if 'applied' or 'reentered', never if 'late'.
    applied        boolean     not null,
    -- Why the callback cannot be decoded, or the unknown event code.
    reason         text,
    callback_id    uuid,
    check ((track_id is null) = (disposition is null))
);

-- Makes it impossible to store the same status of a track for the same time twice. Also serves the projector: which
-- events of a track have this time, and which are the neighbours of it? The time comes before the status for that.
create unique index event_by_track_time on eqp.event (track_id, modified_at, status)
    where modified_at is not null and not clock_doubtful;

-- The filters of `eqp events list` and `tail`. Each index ends in `seq desc`, the order of the list, so that a page is read
-- and nothing is sorted. Every one of them was measured at 10 million events (docs/benchmarks.md, "Indexes of the event
-- tables"): without it a search for something rare or absent reads the whole table.

-- `--environment`: the events of an account that has had none for long.
create index event_by_account on eqp.event (account_id, seq desc);
-- `--kind`. Most events are about submissions: those are found without an index.
create index event_by_kind on eqp.event (kind, seq desc) where kind <> 'submission';
-- `--resource-id`, `eqp submissions show`, and reprojection (all callbacks of a resource).
create index event_by_resource on eqp.event (resource_id, seq desc) where resource_id is not null;
-- `--status` without a flow.
create index event_by_status on eqp.event (status, seq desc) where status is not null;
-- `--flow`, `--flow --status`, and the lists of submissions with a status. Each flow has only some of the statuses:
-- searching for one that it never has must not read all events with the status.
create index event_by_flow on eqp.event (flow, status, seq desc) where flow is not null;
-- `--disposition`. Almost all events are applied, so the index has 1 MB.
create index event_by_disposition on eqp.event (disposition, seq desc) where disposition <> 'applied';
-- `--since`: a spool that is drained late gives new numbers to old callbacks, so `seq` alone does not tell.
create index event_by_received_at on eqp.event (received_at, seq desc);
-- The events of a callback: `EventFilter::callback_id`, and reprojection. At most four, so their order costs nothing.
create index event_by_callback on eqp.event (callback_id);

-- What projection made of each callback. A callback is either here or in the queue, never in both.
create table eqp.callback_disposition (
    callback_id    uuid   primary key,
    -- The place of the callback in the order of projection. Reprojection repeats that order, and the order of ids is
    -- not the same: several receivers commit side by side, and a spool is drained late.
    ordinal        bigint not null,
    -- Null for callbacks with an unknown event code and those that cannot be decoded.
    resource_kind  text   check (resource_kind in ('submission', 'file')),
    resource_id    text,
    disposition    text   not null check (disposition in ('event', 'duplicate', 'unknown', 'undecodable')),
    -- The earlier callback that this one duplicates, if known; that one is never a duplicate itself.
    duplicate_of   uuid,
    -- Digest of the resource, the reported time and the statuses. Only for reports with a time, and only for the first
    -- of several with the same content.
    content_digest bytea,
    check ((resource_kind is null) = (resource_id is null))
);

-- Row 0 of the rule: was a report with this content received before? Partial, so that duplicates do not cost space.
create unique index callback_disposition_by_content on eqp.callback_disposition (content_digest)
    where content_digest is not null;

-- `eqp events show` (the duplicates of a callback), and reprojection, which needs all callbacks of a resource.
create index callback_disposition_by_original on eqp.callback_disposition (duplicate_of, callback_id)
    where duplicate_of is not null;


-- 4. Handlers --------------------------------------------------------------------------------------------------------

-- How far each handler of an embedding service has processed the events.
create table eqp.handler_cursor (
    name         text        primary key check (octet_length(name) between 1 and 100),
    -- The last event that the handler has processed.
    last_seq     bigint      not null,
    -- Which process is running the handler, and until when unless it renews the lease. Not a row lock: a handler may
    -- take long, and an open transaction would occupy a connection and hold back vacuum.
    lease_owner  uuid,
    leased_until timestamptz,
    updated_at   timestamptz not null default now()
);

-- Events on which a handler failed permanently or too often. They are skipped, so that they do not block the handler.
create table eqp.handler_dead_letter (
    handler   text        not null check (octet_length(handler) between 1 and 100),
    seq       bigint      not null,
    attempts  integer     not null check (attempts > 0),
    -- The last error that the handler returned.
    error     text        not null,
    failed_at timestamptz not null default now(),
    primary key (handler, seq)
);

-- The newest dead letters of all handlers, and the deletion of those older than 180 days.
create index handler_dead_letter_by_time on eqp.handler_dead_letter (failed_at desc, seq desc);


-- 5. Views -----------------------------------------------------------------------------------------------------------

-- For queries from outside. Tables may change with every version; these columns stay, and new ones are added at the end.

-- One row per submission, put together from its tracks.
create view eqp.v_submission as
select account.environment,
       account.mage_id,
       track.resource_id                                              as submission_id,
       max(track.item_id)                                             as item_id,
       max(track.status) filter (where track.flow = 'overall')        as overall,
       max(track.status) filter (where track.flow = 'technical')      as technical,
       max(track.status) filter (where track.flow = 'marketing')      as marketing,
       max(track.modified_at)                                         as modified_at,
       max(track.received_at)                                         as received_at,
       max(track.event_seq)                                           as seq,
       bool_or(track.ambiguous)                                       as ambiguous,
       account.id                                                     as account_id
from eqp.track
join eqp.account on account.id = track.account_id
where track.resource_kind = 'submission'
group by account.id, track.resource_id;

-- One row per file.
create view eqp.v_file as
select account.environment,
       account.mage_id,
       track.resource_id as file_upload_id,
       track.status      as malware,
       track.modified_at,
       track.received_at,
       track.event_seq   as seq,
       track.ambiguous,
       account.id        as account_id
from eqp.track
join eqp.account on account.id = track.account_id
where track.resource_kind = 'file'
  and track.flow = 'malware';

-- One row per event, with its account and the developer's own ID of the submission.
create view eqp.v_event as
select event.seq,
       account.environment,
       account.mage_id,
       event.kind,
       event.resource_id,
       track.item_id,
       event.flow,
       event.status,
       event.modified_at,
       event.clock_doubtful,
       event.received_at,
       event.origin,
       event.explicit,
       event.disposition,
       event.applied,
       event.reason,
       event.callback_id,
       event.account_id,
       event.track_id
from eqp.event
join eqp.account on account.id = event.account_id
left join eqp.track on track.id = event.track_id;
