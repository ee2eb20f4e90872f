-- What the callbacks mean: the current state of everything, and how it came about.

-- One row, whose lock is leadership: whoever holds it projects. It also numbers events and tracks, so that the
-- order of events is the order of commits and `event.seq` is safe as a cursor for every reader.
create table eqp.projector (
    singleton      boolean primary key default true check (singleton),
    last_event_seq bigint  not null default 0,
    last_track_id  bigint  not null default 0
);

insert into eqp.projector default values;

-- One line of state: one flow of one submission or file of one account.
create table eqp.track (
    id          bigint      primary key,
    account_id  bigint      not null,
    kind        text        not null check (kind in ('submission', 'file')),
    subject     text        not null,
    flow        text        not null,
    -- The developer's own id of the submission, from the newest callback that told one.
    item_id     text,
    -- The outcome now, and the Marketplace's time of it, where one is known.
    outcome     text        not null,
    modified_at timestamptz,
    -- The latest time at which any notice spoke of this track.
    seen_until  timestamptz,
    -- Several outcomes bear the time `seen_until`: which came last, only the API can tell.
    tied        boolean     not null,
    -- The callback and the event that made it the state.
    received_at timestamptz not null,
    callback_id uuid,
    event_seq   bigint      not null,
    unique (account_id, kind, subject, flow)
) with (fillfactor = 80);

create index track_by_item on eqp.track (item_id) where item_id is not null;

-- History. Never rewritten; a track's state is one of its events.
create table eqp.event (
    seq         bigint      primary key,
    -- None for callbacks that say nothing about a track: unknown codes, and what cannot be decoded.
    track_id    bigint,
    account_id  bigint      not null,
    kind        text        not null check (kind in ('submission', 'file', 'unknown', 'undecodable')),
    subject     text,
    flow        text,
    outcome     text,
    modified_at timestamptz,
    received_at timestamptz not null,
    origin      text        not null check (origin in ('callback', 'look')),
    -- The notice named this flow; otherwise its state was implied.
    named       boolean     not null,
    mark        text        not null default 'none' check (mark in ('none', 'again', 'tied', 'late')),
    -- It became the state of its track.
    moved       boolean     not null,
    -- Why it is undecodable, or the unknown event code.
    reason      text,
    callback_id uuid
);

-- Stands behind the rule for copies: no redelivery can become a second event. The time comes before the outcome, so
-- that the rule also finds here what was the state before and after a given time.
create unique index event_once on eqp.event (track_id, modified_at, outcome) where modified_at is not null;

-- The newest events by each thing that one asks for. Each ends in `seq desc`: the first page is read, nothing is sorted.
create index event_by_account on eqp.event (account_id, seq desc);
-- Most events are of submissions: among the newest they are found without an index.
create index event_by_kind on eqp.event (kind, seq desc) where kind <> 'submission';
create index event_by_subject on eqp.event (subject, seq desc) where subject is not null;
create index event_by_outcome on eqp.event (outcome, seq desc) where outcome is not null;
-- Beside the one before: a flow knows only some outcomes, and looking for one that it never has must not read them all.
create index event_by_flow on eqp.event (flow, outcome, seq desc) where flow is not null;
create index event_by_mark on eqp.event (mark, seq desc) where mark <> 'none';
create index event_by_received_at on eqp.event (received_at, seq desc);
create index event_by_callback on eqp.event (callback_id, seq desc);

-- Every callback ends in exactly one of this table and the queue.
create table eqp.callback_outcome (
    callback_id uuid primary key,
    kind        text not null,
    subject     text,
    modified_at timestamptz,
    verdict     text not null check (verdict in ('event', 'copy', 'unknown', 'undecodable')),
    -- The earlier callback that this one is a copy of, where it is known; never itself a copy.
    copy_of     uuid,
    -- A digest of all that the notice said, with account, subject and time: only of notices with a time, and only of
    -- the first that said it.
    said        bytea
);

-- The first thing the rule asks: has an earlier callback said just this?
create unique index callback_outcome_said on eqp.callback_outcome (said) where said is not null;
create index callback_outcome_copies on eqp.callback_outcome (copy_of, callback_id) where copy_of is not null;
