-- Who may call us, and where. Everything of the receiver lives in the schema `eqp`, so that it can
-- share a database with the service that embeds it.

create schema if not exists eqp;

-- Binds a database to the key that its hashes and sealed passwords were made with: a receiver with
-- another key would refuse every callback, so it refuses to start instead.
create table eqp.instance (
    -- One row: the primary key can only be true.
    singleton              boolean     primary key default true check (singleton),
    id                     uuid        not null,
    master_key_fingerprint bytea       not null check (octet_length(master_key_fingerprint) = 32),
    created_at             timestamptz not null default now()
);

create table eqp.account (
    id          bigint      generated always as identity primary key,
    environment text        not null check (environment in ('production', 'sandbox')),
    mage_id     text        not null check (octet_length(mage_id) between 1 and 255),
    created_at  timestamptz not null default now(),
    unique (environment, mage_id)
);

-- Callbacks name their endpoint without a foreign key (one index less in the hot table), so an
-- endpoint is never deleted, only retired.
create table eqp.endpoint (
    id         bigint      generated always as identity primary key,
    account_id bigint      not null references eqp.account (id),
    name       text        not null unique check (octet_length(name) between 1 and 100),
    path       text        not null unique check (path like '/%' and octet_length(path) <= 500),
    public_url text        not null check (octet_length(public_url) <= 2000),
    created_at timestamptz not null default now(),
    retired_at timestamptz
);

-- The password is only kept as a keyed hash: checking it must be fast, and a table that leaks must
-- not give it away.
create table eqp.credential (
    id            bigint      generated always as identity primary key,
    endpoint_id   bigint      not null references eqp.endpoint (id),
    username      text        not null check (octet_length(username) between 1 and 255),
    password_hmac bytea       not null check (octet_length(password_hmac) = 32),
    state         text        not null check (state in ('pending', 'live', 'retiring', 'retired')),
    created_at    timestamptz not null default now(),
    first_used_at timestamptz,
    last_used_at  timestamptz,
    unique (endpoint_id, username)
);

-- The password itself, sealed: a registration list can only be written whole, with all passwords.
-- Apart from `credential`, so that the role that accepts callbacks needs no right to read it.
create table eqp.sealed_password (
    credential_id bigint primary key references eqp.credential (id) on delete cascade,
    key_id        bytea  not null,
    nonce         bytea  not null,
    ciphertext    bytea  not null
);

-- Which receivers live, and which credentials they have loaded: a change of credentials can wait for all.
create table eqp.receiver (
    id                    uuid        primary key,
    seen_at               timestamptz not null,
    credential_generation bigint      not null
);
