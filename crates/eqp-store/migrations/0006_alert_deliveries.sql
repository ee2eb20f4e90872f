-- Subscriptions also receive alerts: changes of alerts become deliveries, and subscriptions that no longer deliver open alerts.

alter table eqp.delivery
    -- A message about an alert is not sent before this time (quiet hours), and neither are the later ones about the same alert.
    add column not_before timestamptz;

alter table eqp.subscription_state
    -- The program has paused it, and not a person. This opens an alert.
    add column paused_by_program boolean not null default false,
    add check (state = 'paused' or not paused_by_program);

-- The alerts of a database that already has some are history, as its events are.
update eqp.fanout set alert_cursor = (select last_number from eqp.alert_log);
