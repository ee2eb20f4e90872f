-- Routes of alerts: a subscription can be the fallback of another one, for alerts that the other one cannot deliver.

alter table eqp.subscription
    -- Of alerts, it receives only those that this subscription cannot deliver, and it receives no events.
    add column fallback_for   integer references eqp.subscription (id) on delete set null check (fallback_for <> id),
    -- The time after which a waiting delivery of that subscription counts as one that cannot be delivered, if its handler fails.
    add column fallback_after interval not null default interval '5 minutes';

-- The fallbacks of a subscription, when it is removed.
create index subscription_fallback on eqp.subscription (fallback_for) where fallback_for is not null;

-- The changes of alerts for which a fallback was needed. Each is sent to a fallback at most once. Rows are deleted with the change.
create table eqp.alert_fallback (
    number          bigint  not null references eqp.alert_change (number) on delete cascade,
    subscription_id integer not null references eqp.subscription (id) on delete cascade,
    -- Null for a reminder.
    alert_id        bigint,
    -- False: the alert does not match the filter of the fallback, or is about the fallback itself.
    sent            boolean not null,
    primary key (number, subscription_id)
);

-- Whether a fallback has received an earlier change of an alert: it then receives the later ones, too.
create index alert_fallback_by_alert on eqp.alert_fallback (alert_id, subscription_id) where sent;

-- The waiting and dead deliveries of a change of an alert (`eqp alerts show`), and all those that may need a fallback.
create index delivery_of_alert on eqp.delivery (event_seq) where source = 'alert';
-- The attempts of a change of an alert (`eqp alerts show`).
create index attempt_of_alert on eqp.attempt (event_seq) where source = 'alert';
