-- What arrived, byte for byte, and the queue of what is not projected yet.

-- Insert-only. The key is a uuid v7: inserts stay at the end of its one index, and more indexes, foreign
-- keys or a hash for duplicates would cost half the rate. `bytea`, because a body need not be text.
create table eqp.callback (
    id            uuid        primary key,
    endpoint_id   bigint      not null,
    credential_id bigint      not null,
    received_at   timestamptz not null,
    source        inet        not null,
    -- Name, colon, value and line end of each header on the allow-list; never Authorization or Cookie.
    headers       bytea       not null,
    body          bytea       not null,
    -- How it became durable: 'lane', or 'spool' while Postgres could not be reached.
    via           text        not null
);

-- One row for each commit of the lane. A cursor over callback ids would skip rows that commit late;
-- a queue of batches cannot, and costs less than a queue of callbacks.
create table eqp.callback_pending (
    id           bigint generated always as identity primary key,
    callback_ids uuid[] not null
);

-- The table stays small and every row dies soon: clean up early, and never let statistics say it is empty.
alter table eqp.callback_pending set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
