-- Consumers fetch the messages of a subscription, and `eqp listen` creates temporary subscriptions.

alter table eqp.subscription
    -- It is removed when no consumer has used it for 7 days.
    add column temporary boolean not null default false;

alter table eqp.subscription_state
    -- When a consumer last fetched messages, to the minute. Null: never.
    add column fetched_at timestamptz;

-- The temporary subscriptions that the sweep looks at.
create index subscription_temporary on eqp.subscription (id) where temporary and removed_at is null;

alter table eqp.operator_token
    drop constraint operator_token_scopes_check,
    add constraint operator_token_scopes_check
        check (cardinality(scopes) > 0 and scopes <@ array['read', 'consume', 'operate', 'admin']);
