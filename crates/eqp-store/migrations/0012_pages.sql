-- The pages of the operator service: the sessions of browsers, and the codes with which a browser can sign in.

-- Sessions of browsers. The cookie contains `eqp_ses_`, the number, and 32 random bytes. A session has the scopes of its token, and
-- ends with it. Rows are deleted when the user signs out, and otherwise a day after they expired.
create table eqp.operator_session (
    -- Part of the cookie: every request finds its row by this key.
    id         bigint      generated always as identity primary key,
    token_id   bigint      not null references eqp.operator_token (id) on delete cascade,
    -- The SHA-256 of the random bytes.
    hash       bytea       not null check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

-- The deletion of expired sessions.
create index operator_session_by_expiry on eqp.operator_session (expires_at);
-- The sessions of a token, when it is deleted.
create index operator_session_by_token on eqp.operator_session (token_id);

-- Codes of sign-in links (`eqp token link`). Each can be used once, within 5 minutes, and is deleted when it is used. Those that
-- were not used are deleted when the next code is created.
create table eqp.sign_in_code (
    -- Part of the code's text, `eqp_code_`, the number, and 32 random bytes.
    id         bigint      generated always as identity primary key,
    token_id   bigint      not null references eqp.operator_token (id) on delete cascade,
    -- The SHA-256 of the random bytes.
    hash       bytea       not null check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
