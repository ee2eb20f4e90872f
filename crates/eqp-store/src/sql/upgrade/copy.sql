-- Copies the tables of version 0.1, which are in the schema `eqp_0_1` by now, into those of this version.
--
-- Runs once, in the transaction that renames the old schema and creates the new one: either all of it happens or nothing.

insert into eqp.account (id, environment, mage_id, created_at)
overriding system value
select id, environment, mage_id, created_at
from eqp_0_1.account;

insert into eqp.endpoint (id, account_id, name, path, public_url, created_at, retired_at)
overriding system value
select id, account_id, name, path, public_url, created_at, retired_at
from eqp_0_1.endpoint;

insert into eqp.credential (id, endpoint_id, username, password_hmac, state, created_at, active_since, first_used_at,
                            last_used_at, retire_grace, retire_at)
overriding system value
select id, endpoint_id, username, password_hmac,
       case state when 'live' then 'active' else state end,
       created_at, live_since, first_used_at, last_used_at, retire_grace, retire_at
from eqp_0_1.credential;

insert into eqp.sealed_secret (credential_id, key_id, nonce, ciphertext)
select credential_id, key_id, nonce, ciphertext
from eqp_0_1.sealed_password;

insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
select id, endpoint_id, credential_id, received_at, source, headers, body,
       case via when 'lane' then 'writer' else via end
from eqp_0_1.callback
order by id;

insert into eqp.callback_pending (id, callback_ids)
overriding system value
select id, callback_ids
from eqp_0_1.callback_pending;

insert into eqp.track (id, account_id, resource_kind, resource_id, flow, item_id, status, modified_at, seen_until,
                       ambiguous, received_at, callback_id, event_seq)
select id, account_id, kind, subject, flow, item_id, outcome, modified_at, seen_until, tied, received_at, callback_id,
       event_seq
from eqp_0_1.track;

-- Events keep their numbers, because the cursors of handlers and of other readers refer to them.
insert into eqp.event (seq, track_id, account_id, kind, resource_id, flow, status, modified_at, clock_doubtful,
                       received_at, origin, explicit, disposition, applied, reason, callback_id)
select seq, track_id, account_id, kind, subject, flow, outcome, modified_at, clock_doubtful, received_at,
       case origin when 'look' then 'reconcile' else origin end,
       named,
       case
           when track_id is null then null
           when mark = 'again' then 'reentered'
           when mark = 'tied' then 'ambiguous'
           when mark = 'late' then 'late'
           else 'applied'
       end,
       moved, reason, callback_id
from eqp_0_1.event
order by seq;

-- Callbacks that were projected before the order was recorded have no ordinal. They come before all others, in the order
-- of their IDs, so they get the numbers up to 0.
insert into eqp.callback_disposition (callback_id, ordinal, resource_kind, resource_id, disposition, duplicate_of,
                                      content_digest)
select callback_id,
       coalesce(ordinal, row_number() over (partition by ordinal is null order by callback_id)
                         - count(*) over (partition by ordinal is null)),
       case when subject is not null and kind in ('submission', 'file') then kind end,
       case when kind in ('submission', 'file') then subject end,
       case verdict when 'copy' then 'duplicate' else verdict end,
       copy_of, said
from eqp_0_1.callback_outcome;

insert into eqp.handler_cursor (name, last_seq, updated_at)
select name, last_seq, updated_at
from eqp_0_1.handler_cursor;

insert into eqp.handler_dead_letter (handler, seq, attempts, error, failed_at)
select handler, seq, attempts, error, failed_at
from eqp_0_1.handler_dead_letter;

update eqp.projector
set (last_event_seq, last_track_id, last_ordinal) =
    (select last_event_seq, last_track_id, last_ordinal from eqp_0_1.projector);

select setval(pg_get_serial_sequence('eqp.account', 'id'), last_value, is_called) from eqp_0_1.account_id_seq;
select setval(pg_get_serial_sequence('eqp.endpoint', 'id'), last_value, is_called) from eqp_0_1.endpoint_id_seq;
select setval(pg_get_serial_sequence('eqp.credential', 'id'), last_value, is_called) from eqp_0_1.credential_id_seq;
select setval(pg_get_serial_sequence('eqp.callback_pending', 'id'), last_value, is_called)
from eqp_0_1.callback_pending_id_seq;

-- Last, so that the triggers above count nothing. A spool file that contains this ID still belongs to the database.
insert into eqp.instance (id, master_key_fingerprint, credential_generation, created_at)
select id, master_key_fingerprint, credential_generation + 1, created_at
from eqp_0_1.instance;
