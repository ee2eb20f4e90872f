-- Canaries: test callbacks that `eqp doctor --canary` sends through the public URL of an endpoint. They are stored like other callbacks, but
-- never projected, and do not show that the Marketplace calls.

create table eqp.canary (
    -- Negative, so that `callback.credential_id` distinguishes canaries from other callbacks. Another column would enlarge every row.
    id            bigint      generated always as identity (start with -1 increment by -1) primary key,
    endpoint_id   bigint      not null references eqp.endpoint (id),
    -- The credential of this canary only, which is accepted for a minute. Not in `credential`: it is not part of a rotation.
    username      text        not null unique check (octet_length(username) between 1 and 255),
    password_hmac bytea       not null check (octet_length(password_hmac) = 32),
    created_at    timestamptz not null default now(),
    expires_at    timestamptz not null,
    -- The callback, and when it was found in the database.
    callback_id   uuid,
    passed_at     timestamptz,
    check ((callback_id is null) = (passed_at is null))
);

-- Receivers load the credential of a new canary as they load others.
create trigger canary_added
    after insert
    on eqp.canary
    for each statement
execute function eqp.credentials_changed();

-- The version of the program that runs as this receiver. Null for programs that are older than this column.
alter table eqp.receiver
    add column version text check (octet_length(version) <= 100);
