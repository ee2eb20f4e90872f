-- What the callbacks mean: the current state of everything, and how it came about.

-- One row, whose lock is leadership: whoever holds it projects. It also numbers events, so that their
-- order is the order of commits and `event.seq` is safe as a cursor for every reader.
create table eqp.projector (
    singleton      boolean primary key default true check (singleton),
    last_event_seq bigint  not null default 0
);

insert into eqp.projector default values;

-- One line of state: one flow of one submission or file of one account.
create table eqp.track (
    id          bigint      generated always as identity primary key,
    account_id  bigint      not null,
    kind        text        not null check (kind in ('submission', 'file')),
    subject     text        not null,
    flow        text        not null,
    -- The outcome now, and the Marketplace's time of it, where one is known.
    outcome     text        not null,
    modified_at timestamptz,
    -- The latest time at which any notice spoke of this track.
    seen_until  timestamptz,
    received_at timestamptz not null,
    event_seq   bigint      not null,
    unique (account_id, kind, subject, flow)
) with (fillfactor = 80);

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
    -- Why it is unknown or undecodable, or the unknown event code.
    reason      text,
    callback_id uuid
);

-- Stands behind the rule for copies: no redelivery can become a second event.
create unique index event_once on eqp.event (track_id, outcome, modified_at) where modified_at is not null;

-- Every callback ends in exactly one of this table and the queue.
create table eqp.callback_outcome (
    callback_id uuid primary key,
    kind        text not null,
    subject     text,
    modified_at timestamptz,
    -- 'event', 'copy', 'unknown', 'undecodable'
    verdict     text not null,
    -- The earlier callback that this one is a copy of, where it is known.
    copy_of     uuid
);
