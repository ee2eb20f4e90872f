-- Reconciliation: what the Marketplace's API says about submissions and files is stored beside the callbacks, so that a change
-- whose callback never arrived becomes an event too, and a status that callbacks left wrong or uncertain is corrected.
--
-- An API read is treated as a callback is: it is stored unchanged, waits in the same queue (`callback_pending`), gets its
-- place in the same order (`ordinal`), and is projected by the same projector.


-- 1. Access keys -----------------------------------------------------------------------------------------------------

-- The Marketplace's access key of an account, with which a server reads the API. Apart from `account`, so that only the
-- role that reconciles needs the right to read it. One per account; deleted with `eqp accounts remove`.
create table eqp.access_key (
    account_id     bigint      primary key references eqp.account (id),
    application_id text        not null check (octet_length(application_id) between 1 and 255),
    -- The API that accepted the key. The key is sent to no other one; the encrypted secret is tied to it.
    api_url        text        not null check (octet_length(api_url) between 1 and 2000),
    -- The application secret, encrypted under a key that is derived from the master key for this purpose. The columns are
    -- those of `sealed_secret`. Null if servers read the secret from their own configuration.
    key_id         bytea,
    nonce          bytea,
    ciphertext     bytea,
    -- When the Marketplace accepted it last.
    verified_at    timestamptz not null,
    created_at     timestamptz not null default now(),
    check (num_nulls(key_id, nonce, ciphertext) in (0, 3))
);


-- 2. Runs ------------------------------------------------------------------------------------------------------------

-- Each run that compared an account with the API. Deleted after 90 days, except for the newest successful ones, from which
-- the next run continues.
create table eqp.reconcile_run (
    id                 bigint      generated always as identity primary key,
    account_id         bigint      not null references eqp.account (id),
    -- incremental: what was modified since the last run; full: every resource; selected: some that were requested.
    kind               text        not null check (kind in ('incremental', 'full', 'selected')),
    started_at         timestamptz not null default now(),
    -- When the process last showed that it was still working on it. An unfinished run without a sign for five minutes was
    -- interrupted.
    heartbeat_at       timestamptz not null default now(),
    finished_at        timestamptz,
    -- The latest `modified_at` that the run read. The next incremental run reads back to this time.
    newest_modified_at timestamptz,
    -- How many submissions and files it read, and for how many of them an API read was stored.
    resources          bigint      not null default 0,
    stored             bigint      not null default 0,
    -- Why it failed; null if it succeeded or is not finished.
    error              text,
    check (error is null or finished_at is not null)
);

-- Makes it impossible that two runs of an account are active at the same time.
create unique index reconcile_run_active on eqp.reconcile_run (account_id) where finished_at is null;
-- The last runs of an account.
create index reconcile_run_by_account on eqp.reconcile_run (account_id, id desc);


-- 3. API reads -------------------------------------------------------------------------------------------------------

-- What the API answered about a resource, if that said something new. Rows are inserted, never updated, and deleted only by
-- the retention of callbacks.
create table eqp.api_read (
    -- A UUIDv7, as in `callback`.
    id            uuid        primary key,
    account_id    bigint      not null references eqp.account (id),
    resource_kind text        not null check (resource_kind in ('submission', 'file')),
    resource_id   text        not null check (octet_length(resource_id) between 1 and 255),
    -- When the request was sent and when its answer had arrived. The answer can be outdated if a callback arrived between.
    began_at      timestamptz not null,
    received_at   timestamptz not null,
    -- It describes what happened before the account was observed. Its events have the origin 'baseline'.
    baseline      boolean     not null,
    -- The Marketplace's JSON about the resource.
    body          bytea       not null,
    -- Not a foreign key: runs are deleted earlier.
    run_id        bigint
);

-- Reprojection (all reads of a resource), and the resources that have to be read again.
create index api_read_by_resource on eqp.api_read (account_id, resource_kind, resource_id, id);

-- What projection made of each API read. A read is either here or in the queue, never in both.
create table eqp.api_read_disposition (
    api_read_id uuid   primary key,
    -- Its place in the order of projection, which it shares with `callback_disposition.ordinal`.
    ordinal     bigint not null,
    -- discarded: a report about the resource was received after the read had begun, so the answer may be outdated.
    disposition text   not null check (disposition in ('event', 'duplicate', 'discarded', 'undecodable'))
);

-- The resources that have to be read again: normally none.
create index api_read_disposition_discarded on eqp.api_read_disposition (api_read_id) where disposition = 'discarded';

-- What the lists show about a resource beside its statuses: a copy of the API's newest answer, replaced when `modified_at`
-- changes. One row per resource, stored as long as its tracks.
create table eqp.resource_detail (
    account_id    bigint      not null references eqp.account (id),
    resource_kind text        not null check (resource_kind in ('submission', 'file')),
    resource_id   text        not null check (octet_length(resource_id) between 1 and 255),
    -- The version of the resource that this describes.
    modified_at   timestamptz,
    sku           text,
    version       text,
    name          text,
    -- Failed tools, reasons and attachments of a review.
    details       jsonb       not null default '{}',
    read_at       timestamptz not null default now(),
    primary key (account_id, resource_kind, resource_id)
);

-- The submissions of a product.
create index resource_detail_by_sku on eqp.resource_detail (sku, account_id) where sku is not null;


-- 4. Tracks and events -----------------------------------------------------------------------------------------------

alter table eqp.track
    -- The API read that the status comes from, if it does not come from a callback.
    add column api_read_id   uuid,
    -- When an API read last reported the status now. Null if none has.
    add column confirmed_at  timestamptz,
    -- The API contradicted the callback that reported the previous status: it reported another one, although nothing had
    -- changed since. Until a later report confirms the status now.
    add column unconfirmed   boolean not null default false,
    -- When the last report about this track was received. Of a resource's tracks, the one that the report is about has the
    -- time of the resource. Null in rows from before this migration, where it is `received_at`.
    add column reported_at   timestamptz,
    -- The latest time that `seen_until` ever had; an API read can move `seen_until` back. Null in rows from before this
    -- migration, where it is `seen_until`.
    add column history_until timestamptz;

-- The resources that have to be read again: normally none.
create index track_unconfirmed on eqp.track (account_id, resource_id) where unconfirmed;

-- The files whose scan has not ended, which reconciliation reads one by one.
create index track_unfinished_file on eqp.track (account_id, resource_id)
    where flow = 'malware' and status not in ('passed', 'failed');

alter table eqp.event
    -- The API read that reported it, if no callback did.
    add column api_read_id uuid,
    drop constraint event_origin_check,
    drop constraint event_disposition_check,
    add constraint event_origin_check check (origin in ('callback', 'reconcile', 'baseline')),
    -- corrected: the API reported another status than the track had.
    add constraint event_disposition_check
        check (disposition in ('applied', 'reentered', 'ambiguous', 'late', 'corrected'));

-- The events of an API read: reprojection.
create index event_by_api_read on eqp.event (api_read_id) where api_read_id is not null;

-- An API read can bring back a status that the track already had at that time, so corrections are exempt from the key.
drop index eqp.event_by_track_time;
create unique index event_by_track_time
    on eqp.event (track_id, modified_at, status, (case when disposition = 'corrected' then seq else 0 end))
    where modified_at is not null and not clock_doubtful;

comment on column eqp.callback_disposition.duplicate_of is
    'The earlier callback or API read that this callback duplicates, if known; never itself a duplicate.';

-- Changes that an API read found and no callback had reported: was the callback missed, or only slow? Decided 15 minutes
-- later. Deleted after 180 days.
create table eqp.missing_callback (
    -- The event: an API read causes at most one per flow. Not its number, which reprojection can change.
    api_read_id uuid        not null,
    flow        text        not null,
    account_id  bigint      not null references eqp.account (id),
    -- When the change was found.
    found_at    timestamptz not null,
    -- The callback that reported the same change after all, and when it was received.
    callback_id uuid,
    arrived_at  timestamptz,
    -- missed: it did not arrive in time; slow: it did; not_expected: the Marketplace had nowhere to send it.
    decision    text        check (decision in ('missed', 'slow', 'not_expected')),
    decided_at  timestamptz,
    primary key (api_read_id, flow),
    check ((decision is null) = (decided_at is null)),
    check ((callback_id is null) = (arrived_at is null))
);

-- Those to be decided.
create index missing_callback_undecided on eqp.missing_callback (found_at) where decision is null;
-- The missed callbacks of an account, newest first.
create index missing_callback_missed on eqp.missing_callback (account_id, found_at desc) where decision = 'missed';


-- 5. Views -----------------------------------------------------------------------------------------------------------

create or replace view eqp.v_submission as
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
       account.id                                                     as account_id,
       bool_or(track.unconfirmed)                                     as unconfirmed,
       -- Null unless the API has confirmed all of its statuses.
       case when bool_and(track.confirmed_at is not null) then min(track.confirmed_at) end as confirmed_at
from eqp.track
join eqp.account on account.id = track.account_id
where track.resource_kind = 'submission'
group by account.id, track.resource_id;

create or replace view eqp.v_file as
select account.environment,
       account.mage_id,
       track.resource_id as file_upload_id,
       track.status      as malware,
       track.modified_at,
       track.received_at,
       track.event_seq   as seq,
       track.ambiguous,
       account.id        as account_id,
       track.unconfirmed,
       track.confirmed_at
from eqp.track
join eqp.account on account.id = track.account_id
where track.resource_kind = 'file'
  and track.flow = 'malware';

create or replace view eqp.v_event as
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
       event.track_id,
       event.api_read_id,
       -- What became of the callback that an event of the origin 'reconcile' was missing; null while undecided.
       missing.decision as missing_callback
from eqp.event
join eqp.account on account.id = event.account_id
left join eqp.track on track.id = event.track_id
left join eqp.missing_callback as missing
       on missing.api_read_id = event.api_read_id and missing.flow = event.flow;
