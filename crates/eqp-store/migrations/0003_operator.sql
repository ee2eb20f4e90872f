-- The operator service: the tokens with which programs call its API, and the log of what was changed through it.

-- Tokens of the operator API. A token's text is `eqp_tok_`, its number, and 32 random bytes; it is shown once and not stored.
-- Deleted 400 days after it expired or was revoked.
create table eqp.operator_token (
    -- Part of the token's text: every request finds its row by this key.
    id           bigint      generated always as identity primary key,
    name         text        not null check (octet_length(name) between 1 and 100),
    scopes       text[]      not null check (cardinality(scopes) > 0 and scopes <@ array['read', 'operate', 'admin']),
    -- The SHA-256 of the random bytes. They cannot be guessed, so a slow hash would protect nothing more.
    hash         bytea       not null check (octet_length(hash) = 32),
    created_at   timestamptz not null default now(),
    -- Null if it does not expire.
    expires_at   timestamptz,
    -- Recorded at most once per minute.
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- The name of a token that is not revoked: revoking by name, and no two of the same name.
create unique index operator_token_active on eqp.operator_token (name) where revoked_at is null;

-- What was changed through the operator service, and by whom. Rows are inserted, never updated, and deleted after 400 days.
create table eqp.audit (
    -- The list is read and deleted in this order, which is that of the changes.
    id        bigint      generated always as identity primary key,
    at        timestamptz not null default now(),
    -- The caller, such as `token ci`.
    principal text        not null,
    -- The operation, such as `token.create`.
    action    text        not null,
    -- What was changed: a name or an ID.
    resource  text,
    -- The parameters of the operation, without secrets.
    detail    jsonb       not null default '{}'
);
