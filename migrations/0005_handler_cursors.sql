-- How far the handlers of services that embed the receiver have come.

create table eqp.handler_cursor (
    name         text        primary key check (octet_length(name) between 1 and 100),
    -- The last event that the handler has worked on.
    last_seq     bigint      not null,
    -- Who works, and until when unless it says so again. A lease, not a row lock: a handler may take long, and an open
    -- transaction would hold a connection and keep vacuum from its work.
    lease_owner  uuid,
    leased_until timestamptz,
    updated_at   timestamptz not null default now()
);
