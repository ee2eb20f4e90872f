-- Weekly digests: a subscription can receive one message per week, which sums up the week, instead of events.
--
-- The fan-out creates the deliveries of a week and stores its time in one transaction. The message is created when it is sent.

alter table eqp.delivery
    drop constraint delivery_source_check,
    -- Of a digest, `event_seq` is the end of its week, in seconds since 1970.
    add constraint delivery_source_check check (source in ('event', 'alert', 'test', 'digest'));

alter table eqp.fanout
    -- The end of the last week for which digests were created. Null: none has ended since the first subscription.
    add column digest_at timestamptz;
