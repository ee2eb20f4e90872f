-- Replays: events that were recorded earlier are delivered again, to one subscription or to all whose filter they match.
--
-- Workers create the deliveries of a replay in small batches, and only while few of them are waiting, so that a large replay
-- neither fills the queue nor delays new events. A batch and the position after it are written in one transaction.
--
-- Lock order: replay, then as in 0005_deliveries.sql.

create table eqp.replay (
    id              bigint      generated always as identity primary key,
    -- The events, as JSON.
    selection       jsonb       not null,
    -- The subscription that receives them, with its name at that time. Null: every subscription whose filter they match.
    subscription_id integer,
    subscription    text,
    -- The last event that was matched, and the last one that is part of the replay: later ones are new.
    cursor_seq      bigint      not null default 0,
    end_seq         bigint      not null,
    -- The number of deliveries as it was confirmed, and of those that have been created.
    planned         bigint      not null check (planned > 0),
    created         bigint      not null default 0,
    -- Those that were discarded when it was cancelled.
    discarded       bigint      not null default 0,
    requested_at    timestamptz not null default now(),
    requested_by    text        not null,
    -- When the last delivery had been created.
    completed_at    timestamptz,
    cancelled_at    timestamptz,
    check ((subscription_id is null) = (subscription is null))
);

-- Replays whose deliveries have not all been created.
create index replay_incomplete on eqp.replay (id) where completed_at is null and cancelled_at is null;
-- The waiting and dead deliveries of a replay.
create index delivery_by_replay on eqp.delivery (replay_id) where replay_id is not null;

alter table eqp.delivery
    -- Only of a test: it is not sent after this time, because nobody waits for the result any more.
    add column expires_at timestamptz;
