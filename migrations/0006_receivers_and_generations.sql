-- A change of credentials has a number, and every receiver says up to which number it has loaded them: whoever changes
-- a credential can wait until all that live know. Triggers count, so that no statement can forget to, not even one
-- that an operator types.

alter table eqp.instance
    add column credential_generation bigint not null default 0;

-- The row stays locked until the change commits: numbers are given in the order of commits.
create function eqp.credentials_changed() returns trigger
    language plpgsql as
$$
begin
    update eqp.instance set credential_generation = credential_generation + 1;
    perform pg_notify('eqp_credentials', '');
    return null;
end
$$;

create trigger endpoint_changed
    after insert or delete or update of account_id, name, path, retired_at
    on eqp.endpoint
    for each statement
execute function eqp.credentials_changed();

-- Not for `first_used_at` and `last_used_at`, which are written all the time.
create trigger credential_changed
    after insert or delete or update of endpoint_id, username, password_hmac, state
    on eqp.credential
    for each statement
execute function eqp.credentials_changed();
