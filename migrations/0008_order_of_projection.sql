-- The order in which callbacks were projected, so that they can be projected again in it: that of their ids is not
-- enough, for several receivers commit side by side, and a spool is drained late. No index: it is read for the callbacks
-- of some subjects at a time.

alter table eqp.projector
    add column last_ordinal bigint not null default 0;

-- None for callbacks that were projected before this was recorded; they come first, in the order of their ids.
alter table eqp.callback_outcome
    add column ordinal bigint;
