-- Threads in chats: which message started the thread about a submission or an alert, so that later changes are replies to it.

create table eqp.chat_message (
    -- The ID of the channel, which is unique among all workspaces.
    channel        text        not null check (octet_length(channel) between 1 and 100),
    -- The submission of an account, or the alert.
    subject        text        not null check (octet_length(subject) between 1 and 600),
    -- The ID of the first message. Null: a worker is writing it.
    message_id     text        check (octet_length(message_id) between 1 and 100),
    -- Until when a worker has the right to write the first message.
    reserved_until timestamptz,
    -- When the thread was last written to. Threads are forgotten after 400 days without a message.
    used_at        timestamptz not null default now(),
    primary key (channel, subject),
    check ((message_id is null) = (reserved_until is not null))
);

-- The threads that were not used for the longest time, for the sweep.
create index chat_message_by_use on eqp.chat_message (used_at);


-- Signing secrets that were added to a subscription after it was created, one row each: a service that may store secrets
-- does not have to read the other ones.
create table eqp.signing_secret (
    -- The highest of a subscription is the newest.
    id              integer     generated always as identity primary key,
    subscription_id integer     not null references eqp.subscription (id) on delete cascade,
    -- Encrypted and bound as the secrets of `subscription` are.
    key_id          bytea       not null,
    nonce           bytea       not null,
    ciphertext      bytea       not null,
    created_at      timestamptz not null default now()
);

-- The secrets of a subscription.
create index signing_secret_by_subscription on eqp.signing_secret (subscription_id, id);

alter table eqp.subscription
    -- Since when the signing secrets with which it was created are no longer used.
    add column signing_retired_at timestamptz;
