-- Deliveries: events are sent to handlers outside of this process, such as webhooks and programs.
--
-- A subscription names a handler and the events that it receives. The fan-out reads new events in the order of `event.seq`
-- and inserts one delivery for each subscription that an event matches. Workers lease lanes (a subscription and a resource),
-- send their deliveries in order, and delete what was accepted.
--
-- Lock order, for every transaction that locks rows of several of these tables: fanout, subscription, subscription_state,
-- delivery, delivery_lane.


-- 1. Subscriptions ---------------------------------------------------------------------------------------------------

-- One row: the position of the fan-out, shared by all subscriptions that are not paused or catching up.
create table eqp.fanout (
    singleton    boolean primary key default true check (singleton),
    -- The last event, and the last change of an alert, that was matched against the subscriptions.
    cursor_seq   bigint  not null,
    alert_cursor bigint  not null default 0,
    -- Incremented with every change of a subscription, so that a process that cached them loads them again.
    generation   bigint  not null default 0
);

-- A database that already has events delivers none of them: they are history.
insert into eqp.fanout (cursor_seq) select last_event_seq from eqp.projector;

-- The definition of a subscription.
create table eqp.subscription (
    id           integer     generated always as identity primary key,
    name         text        not null check (octet_length(name) between 1 and 100),
    -- Which events it receives.
    filter       jsonb       not null,
    -- The type of the handler and its settings, without secrets.
    handler      jsonb       not null,
    -- The secrets of the handler, encrypted under a key that is derived from the master key for this purpose, and bound to
    -- the name and the target of the handler. The columns are those of `sealed_secret`.
    key_id       bytea,
    nonce        bytea,
    ciphertext   bytea,
    -- For how long a delivery that fails holds back the later ones of its resource. 0: not at all; null: until it is dead.
    order_hold   interval    default interval '15 minutes',
    -- The file that declares it, which is then the only way to change it. Null if a command created it.
    declared_by  text,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    -- Removed subscriptions are deleted as soon as the sweep has deleted their deliveries.
    removed_at   timestamptz,
    check (num_nulls(key_id, nonce, ciphertext) in (0, 3))
);

-- Finds a subscription by name. The name of a removed one can be used again.
create unique index subscription_by_name on eqp.subscription (name) where removed_at is null;

-- What changes while a subscription is used. Apart from the definition, because workers update it with every failure.
create table eqp.subscription_state (
    subscription_id integer     primary key references eqp.subscription (id) on delete cascade,
    state           text        not null default 'active' check (state in ('active', 'paused')),
    paused_at       timestamptz,
    paused_reason   text,
    -- Null: in step with `fanout`. Otherwise the position at which it was paused, or up to which it has caught up.
    cursor_seq      bigint,
    alert_cursor    bigint,
    -- The circuit breaker: consecutive attempts for which the handler was down, since when, and until when no attempt is
    -- made. Null: closed.
    failures        integer     not null default 0 check (failures >= 0),
    failing_since   timestamptz,
    open_until      timestamptz,
    -- The handler was down and is available again: deliveries are sent at a limited rate until none is waiting.
    recovering      boolean     not null default false,
    check ((state = 'paused') = (paused_at is not null)),
    check ((cursor_seq is null) = (alert_cursor is null))
);


-- 2. Deliveries ------------------------------------------------------------------------------------------------------

-- One event on its way to one handler: waiting, or dead. A delivery that was accepted is deleted.
create table eqp.delivery (
    -- Also the order in which the deliveries of a lane are sent.
    id              bigint      generated always as identity primary key,
    subscription_id integer     not null,
    -- A hash of the resource. Two resources with the same hash share a lane, which delays but loses nothing.
    resource        bigint      not null,
    source          text        not null check (source in ('event', 'alert', 'test')),
    -- `event.seq`, or the number of a change of an alert. 0 for a test.
    event_seq       bigint      not null,
    -- The ID of a test message.
    test_id         uuid,
    created_at      timestamptz not null default now(),
    -- Attempts that count. Those made while the handler is down do not.
    attempts        integer     not null default 0 check (attempts >= 0),
    -- Those for which the handler considered the message invalid.
    invalid         integer     not null default 0 check (invalid >= 0),
    -- When the next attempt is due, after a failure.
    retry_at        timestamptz,
    -- Until when it holds back the later deliveries of its resource, after a failure. Null: until it is dead.
    hold_until      timestamptz,
    -- The resource in whose lane it was, before it was moved to a lane of its own so that it holds nothing back.
    moved_from      bigint,
    dead_at         timestamptz,
    -- The replay that it belongs to.
    replay_id       bigint,
    check ((source = 'test') = (test_id is not null))
);

-- The first deliveries of a lane, and the waiting deliveries of a subscription.
create index delivery_waiting on eqp.delivery (subscription_id, resource, id) where dead_at is null;
-- The dead deliveries of a subscription, and whether a resource has one.
create index delivery_dead on eqp.delivery (subscription_id, resource, id) where dead_at is not null;
-- Dead deliveries by age: deleted after 180 days.
create index delivery_dead_by_age on eqp.delivery (dead_at) where dead_at is not null;
-- Whether an earlier delivery of a resource is still waiting in a lane of its own.
create index delivery_moved on eqp.delivery (subscription_id, moved_from, id) where moved_from is not null;
-- The deliveries that wait for another attempt, when a handler is available again.
create index delivery_retrying on eqp.delivery (subscription_id) where retry_at is not null;
-- Tests, which are sent even if the subscription is paused. Almost always empty.
create index delivery_test on eqp.delivery (id) where source = 'test';

-- The unit that is leased: the waiting deliveries of one resource for one subscription.
create table eqp.delivery_lane (
    subscription_id integer     not null,
    resource        bigint      not null,
    -- When it can be leased: now, after a failure, or when the lease of a crashed worker expires. 'infinity': it is empty.
    due_at          timestamptz not null,
    -- The newest delivery in it. If that one is finished, the lane is empty. Not a counter, because a counter that is wrong
    -- loses deliveries; a tail that is too high only costs one more look.
    tail_id         bigint      not null,
    -- Identifies the lease. Null: not leased.
    lease           uuid,
    -- How many leases in a row expired.
    lost            integer     not null default 0,
    primary key (subscription_id, resource)
)
-- Every lane is updated twice per lease. Free space keeps that out of the primary key's index; vacuum must keep up.
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
      autovacuum_vacuum_cost_delay = 0);

-- Lanes that are due, and the earliest of each subscription.
create index delivery_lane_due on eqp.delivery_lane (subscription_id, due_at) where due_at < 'infinity';

-- Each attempt: all that remains of a successful delivery. At most 7 days and 200,000 rows are stored.
create table eqp.attempt (
    id              bigint      generated always as identity primary key,
    delivery_id     bigint      not null,
    subscription_id integer     not null,
    source          text        not null,
    event_seq       bigint      not null,
    at              timestamptz not null default now(),
    duration_ms     integer     not null,
    -- 'delivered', or how it failed; 'skipped' and 'discarded' are the ends of deliveries that were not sent.
    result          text        not null,
    -- The HTTP status, or the exit code of a program.
    status          integer,
    -- The start of the response, or the error.
    note            text
);

-- The attempts of a delivery.
create index attempt_by_delivery on eqp.attempt (delivery_id);

do $$
begin
    -- Alerts that were opened before are history as well.
    if to_regclass('eqp.alert_change') is not null then
        execute 'update eqp.fanout set alert_cursor = coalesce((select max(number) from eqp.alert_change), 0)';
    end if;
end
$$;
