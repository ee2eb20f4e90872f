-- Events that a handler of an embedding service failed on for good, or too often. They are passed over, so that they do
-- not block its stream, and are recorded here, so that somebody can see to them.

create table eqp.handler_dead_letter (
    handler   text        not null check (octet_length(handler) between 1 and 100),
    seq       bigint      not null,
    -- How often the handler was given the event.
    attempts  integer     not null check (attempts > 0),
    -- The last error, in the handler's words.
    error     text        not null,
    failed_at timestamptz not null default now(),
    primary key (handler, seq)
);

-- The newest first, of all handlers; and what retention removes.
create index handler_dead_letter_by_time on eqp.handler_dead_letter (failed_at desc, seq desc);
