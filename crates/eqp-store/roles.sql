-- Database roles with the privileges that each part of the platform needs.
--
--   eqp_migrator   creates and changes the tables (`eqp migrate`), and owns them
--   eqp_runtime    receivers that project, and every other command of the tool; it can store access keys, but not read them
--   eqp_reconcile  processes that compare accounts with the Marketplace's API: the only ones that can read access keys
--   eqp_deliver    processes that deliver events to handlers: the only ones that can read the secrets of handlers
--   eqp_accept     receivers that only accept callbacks (`Builder::accept_only`): it can neither read the sealed passwords
--                  nor change endpoints, tracks or events
--   eqp_read       programs that read the views `v_submission`, `v_event` and `v_file` (docs/sql.md), and nothing else
--
-- They are group roles without a login. Create a login for each program and make it a member:
--
--   create role shop login password '…' in role eqp_read;
--
-- Run this script as a role that may create roles, in the database of the receiver: once before the first migration, and
-- again after every migration, because new tables need new grants. It can be repeated at any time. To run migrations as a
-- member of eqp_migrator, start them with `set role eqp_migrator` (`alter role NAME in database NAME set role
-- eqp_migrator`), so that the tables belong to the group.

do $$
declare
    name text;
begin
    foreach name in array array['eqp_migrator', 'eqp_runtime', 'eqp_reconcile', 'eqp_deliver', 'eqp_accept', 'eqp_read'] loop
        begin
            execute format('create role %I nologin', name);
        exception
            -- The second is raised when another session creates it at the same time.
            when duplicate_object or unique_violation then null;
        end;
    end loop;

    -- Only the migrator creates the schema and its tables.
    execute format('grant connect, create on database %I to eqp_migrator', current_database());
    execute format('grant connect on database %I to eqp_runtime, eqp_reconcile, eqp_deliver, eqp_accept, eqp_read', current_database());

    if to_regclass('eqp.instance') is null then
        raise notice 'the schema eqp does not exist yet: run this script again after the first migration';
        return;
    end if;

    -- Privileges that are no longer needed are taken away.
    revoke all on schema eqp from public, eqp_runtime, eqp_reconcile, eqp_deliver, eqp_accept, eqp_read;
    revoke all on all tables in schema eqp from public, eqp_runtime, eqp_reconcile, eqp_deliver, eqp_accept, eqp_read;
    grant usage on schema eqp to eqp_runtime, eqp_reconcile, eqp_deliver, eqp_accept, eqp_read;

    -- 1. eqp_runtime ---------------------------------------------------------------------------------------------------

    -- Every program checks whether the tables are those of its version.
    grant select on eqp._sqlx_migrations to eqp_runtime;
    -- A new database is bound to the master key once. The triggers count changes of credentials.
    grant select, insert, update (credential_generation) on eqp.instance to eqp_runtime;
    -- Endpoints and accounts are retired, never deleted.
    grant select, insert, update on eqp.account, eqp.endpoint, eqp.credential to eqp_runtime;
    grant select, insert, delete on eqp.sealed_secret to eqp_runtime;
    grant select, insert, update, delete on eqp.receiver to eqp_runtime;
    -- `eqp doctor --canary`.
    grant select, insert, update (callback_id, passed_at), delete on eqp.canary to eqp_runtime;
    -- Callbacks are deleted by retention and never updated.
    grant select, insert, delete on eqp.callback to eqp_runtime;
    grant select, insert, update, delete on eqp.callback_pending to eqp_runtime;
    -- The projector: it locks its row and replaces what reprojection decides differently.
    grant select, update on eqp.projector to eqp_runtime;
    grant select, insert, update, delete on eqp.track to eqp_runtime;
    grant select, insert, delete on eqp.event, eqp.callback_disposition to eqp_runtime;
    -- Handlers of an embedding service.
    grant select, insert, update on eqp.handler_cursor to eqp_runtime;
    grant select, insert, update, delete on eqp.handler_dead_letter to eqp_runtime;
    grant select on eqp.v_submission, eqp.v_file, eqp.v_event to eqp_runtime;
    -- API reads: projected as callbacks are, and deleted by retention.
    grant select, delete on eqp.api_read to eqp_runtime;
    grant select, insert, delete on eqp.api_read_disposition to eqp_runtime;
    grant select, insert, update, delete on eqp.missing_callback to eqp_runtime;
    grant select on eqp.reconcile_run, eqp.resource_detail to eqp_runtime;
    -- `eqp accounts` stores and deletes access keys. Their secrets cannot be read.
    grant select (account_id, application_id, api_url, key_id, verified_at, created_at), insert, update, delete on eqp.access_key to eqp_runtime;

    -- `eqp subscriptions` and `eqp deliveries`. The secrets of handlers can be stored, but not read. Removed subscriptions are
    -- deleted by the sweep.
    grant select (id, name, filter, handler, order_hold, fallback_for, fallback_after, declared_by, created_at, updated_at, removed_at, temporary, signing_retired_at), insert, update on eqp.subscription to eqp_runtime;
    grant select (id, subscription_id, created_at), insert, delete on eqp.signing_secret to eqp_runtime;
    grant select, insert, update on eqp.subscription_state to eqp_runtime;
    grant select, update on eqp.fanout to eqp_runtime;
    grant select, insert, update, delete on eqp.delivery, eqp.delivery_lane to eqp_runtime;
    grant select, insert on eqp.attempt to eqp_runtime;
    -- `eqp events replay` and `eqp replays`.
    grant select, insert, update on eqp.replay to eqp_runtime;
    -- The operator service. Entries of the log cannot be changed; old ones are deleted.
    grant select, insert, update (last_used_at, revoked_at), delete on eqp.operator_token to eqp_runtime;
    grant select, insert, delete on eqp.audit to eqp_runtime;
    -- The pages of the operator service.
    grant select, insert, delete on eqp.operator_session, eqp.sign_in_code to eqp_runtime;

    -- Links to the pages of submissions.
    grant select, insert, update (last_used_at, revoked_at), delete on eqp.submission_link to eqp_runtime;

    -- Alerts: operators acknowledge, snooze and resolve them. Their numbers come from the log.
    grant select on eqp.alert, eqp.alert_change, eqp.alert_log, eqp.alert_fallback to eqp_runtime;
    grant update (acknowledged_at, acknowledged_by, snoozed_until, resolved_at, resolved_by) on eqp.alert to eqp_runtime;
    grant insert on eqp.alert_change to eqp_runtime;
    -- A command that changes registrations stores their new states, which resolves alerts.
    grant select, insert, update, delete on eqp.registration_check to eqp_runtime;
    grant update (last_number) on eqp.alert_log to eqp_runtime;
    -- The heartbeat of receivers.
    grant select, insert, update on eqp.rejected_callback to eqp_runtime;
    -- The status of products.
    grant select on eqp.listing_check to eqp_runtime;

    -- 2. eqp_reconcile -------------------------------------------------------------------------------------------------

    grant select on eqp._sqlx_migrations to eqp_reconcile;
    grant select, insert on eqp.instance to eqp_reconcile;
    grant select on eqp.account, eqp.endpoint, eqp.credential to eqp_reconcile;
    grant select on eqp.access_key to eqp_reconcile;
    grant select, insert, update, delete on eqp.reconcile_run, eqp.resource_detail to eqp_reconcile;
    -- Compares the API with the tracks, and queues what differs. It cannot change tracks and events itself.
    grant select on eqp.projector, eqp.track, eqp.event, eqp.api_read_disposition to eqp_reconcile;
    grant select, insert on eqp.api_read to eqp_reconcile;
    grant select, insert on eqp.callback_pending to eqp_reconcile;
    -- Decides which callbacks were missed.
    grant select, update, delete on eqp.missing_callback to eqp_reconcile;
    grant select on eqp.v_submission, eqp.v_file, eqp.v_event to eqp_reconcile;

    -- Compares registrations with the Marketplace's list.
    grant select, insert, update, delete on eqp.registration_check to eqp_reconcile;
    -- Stores what was found about the listings in the store.
    grant select, insert, update on eqp.listing_check to eqp_reconcile;
    -- Opens, updates and resolves alerts.
    grant select, insert, update, delete on eqp.alert, eqp.alert_change to eqp_reconcile;
    grant select, update (last_number) on eqp.alert_log to eqp_reconcile;
    grant select on eqp.receiver, eqp.rejected_callback to eqp_reconcile;
    grant select (id, name, removed_at) on eqp.subscription to eqp_reconcile;
    grant select on eqp.subscription_state, eqp.delivery to eqp_reconcile;

    -- 3. eqp_deliver ---------------------------------------------------------------------------------------------------

    grant select on eqp._sqlx_migrations to eqp_deliver;
    grant select, insert on eqp.instance to eqp_deliver;
    -- Matches new events and changes of alerts against the subscriptions.
    grant select on eqp.projector, eqp.account, eqp.event, eqp.track, eqp.resource_detail to eqp_deliver;
    grant select on eqp.alert, eqp.alert_change, eqp.alert_log to eqp_deliver;
    grant select, update on eqp.fanout to eqp_deliver;
    -- Pauses subscriptions, removes temporary ones that are not used, deletes removed ones, and creates and changes those that its
    -- configuration declares.
    grant select, insert, update, delete on eqp.subscription, eqp.subscription_state to eqp_deliver;
    grant select on eqp.signing_secret to eqp_deliver;
    -- Passes alerts to fallbacks.
    grant select, insert on eqp.alert_fallback to eqp_deliver;
    grant select, insert, update, delete on eqp.delivery, eqp.delivery_lane, eqp.attempt to eqp_deliver;
    -- Threads in chats.
    grant select, insert, update, delete on eqp.chat_message to eqp_deliver;
    -- Creates the deliveries of replays, and deletes old replays.
    grant select, update, delete on eqp.replay to eqp_deliver;

    -- 4. eqp_accept ----------------------------------------------------------------------------------------------------

    grant select on eqp._sqlx_migrations to eqp_accept;
    grant select, insert, update (credential_generation) on eqp.instance to eqp_accept;
    -- Loads the credentials, records their use, and retires replaced ones when their grace period ends.
    grant select on eqp.account, eqp.endpoint, eqp.credential to eqp_accept;
    grant update (state, active_since, first_used_at, last_used_at, retire_at, retire_grace) on eqp.credential to eqp_accept;
    grant select on eqp.canary to eqp_accept;
    -- The secret of a retired credential is deleted without being read.
    grant select (credential_id), delete on eqp.sealed_secret to eqp_accept;
    grant select, insert, update, delete on eqp.receiver to eqp_accept;
    -- Counts rejected callbacks.
    grant select, insert, update on eqp.rejected_callback to eqp_accept;
    -- Stores callbacks. The ID finds those that were written already; bodies cannot be read.
    grant select (id), insert on eqp.callback to eqp_accept;
    grant select, insert on eqp.callback_pending to eqp_accept;
    -- For metrics: how far projection and handlers are behind.
    grant select on eqp.projector, eqp.handler_cursor to eqp_accept;

    -- 5. eqp_read ------------------------------------------------------------------------------------------------------

    grant select on eqp.v_submission, eqp.v_file, eqp.v_event to eqp_read;
end
$$;
