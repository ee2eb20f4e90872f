-- A report can bear a time far after its arrival, because a clock is wrong. The event stores that time as it was
-- reported, but the time takes no part in the order of events: neither in the history nor in the key behind the rule.

alter table eqp.event
    add column clock_doubtful boolean not null default false;

-- Serves the projector: has this track an event with this time and outcome, and which times are next to a given one?
drop index eqp.event_once;
create unique index event_once on eqp.event (track_id, modified_at, outcome)
    where modified_at is not null and not clock_doubtful;

-- All tracks of a submission carry its newest item_id; until now each carried the newest that was reported with it.
update eqp.track
set item_id = newest.item_id
from (select distinct on (account_id, subject) account_id, subject, item_id
      from eqp.track
      where kind = 'submission' and item_id is not null
      order by account_id, subject, event_seq desc) as newest
where track.kind = 'submission'
  and track.account_id = newest.account_id
  and track.subject = newest.subject
  and track.item_id is distinct from newest.item_id;

-- Serves lists of ambiguous submissions: a track can become ambiguous without an event that says so.
create index track_tied on eqp.track (account_id, subject) where tied;
