-- A credential that was replaced is taken for a grace more, counted from the first callback that came with the new one:
-- until then nobody knows whether the Marketplace has changed over, and afterwards a callback may still be on its way.
-- The receivers end it by themselves, so that no tool has to wait for a day.

alter table eqp.credential
    -- From when on it may be in force: what is used after that is a sign that it is.
    add column live_since   timestamptz,
    -- Of a retiring one: for how long it is taken after the new one was seen.
    add column retire_grace interval,
    -- Of a retiring one: when it is refused; null until the new one was seen.
    add column retire_at    timestamptz;

update eqp.credential set live_since = created_at where state = 'live';
update eqp.credential set retire_grace = interval '24 hours' where state = 'retiring';
