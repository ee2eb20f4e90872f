//! Inserts deliveries in the statement that moves the position of what they were created from, so that neither happens without the other.

use time::OffsetDateTime;

use crate::model::NewDelivery;

/// The columns of new deliveries, as arrays for `unnest`.
pub(super) struct Columns {
    pub(super) subscriptions: Vec<i32>,
    pub(super) lanes: Vec<i64>,
    pub(super) sources: Vec<&'static str>,
    pub(super) numbers: Vec<i64>,
    pub(super) not_before: Vec<Option<OffsetDateTime>>,
    pub(super) replays: Vec<Option<i64>>,
}

impl Columns {
    pub(super) fn of(deliveries: &[NewDelivery]) -> Self {
        Self {
            subscriptions: deliveries.iter().map(|delivery| delivery.subscription.0).collect(),
            lanes: deliveries.iter().map(|delivery| delivery.lane.0).collect(),
            sources: deliveries.iter().map(|delivery| delivery.source.as_str()).collect(),
            numbers: deliveries.iter().map(|delivery| delivery.event_seq).collect(),
            not_before: deliveries.iter().map(|delivery| delivery.not_before).collect(),
            replays: deliveries.iter().map(|delivery| delivery.replay).collect(),
        }
    }
}

/// Creates the statement that moves a position and, if there was a row to move, inserts deliveries in their order. `$moved` is the
/// update of the position, whose parameters begin with `$7`. Returns the number of moved positions.
macro_rules! move_and_insert {
    ($moved:literal, $columns:expr, $($parameter:expr),* $(,)?) => {
        sqlx::query_scalar!(
            "with moved as ("
                + $moved
                + " returning 1),
             inserted as (
                 insert into eqp.delivery (subscription_id, resource, source, event_seq, not_before, replay_id)
                 select subscription_id, resource, source, event_seq, not_before, replay_id
                 from unnest($1::integer[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[], $6::bigint[])
                      with ordinality as new (subscription_id, resource, source, event_seq, not_before, replay_id, n), moved
                 order by n
                 returning id, subscription_id, resource),
             lanes as (
                 insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
                 select subscription_id, resource, now(), max(id) from inserted group by 1, 2 order by 1, 2
                 on conflict (subscription_id, resource) do update
                 set tail_id = greatest(lane.tail_id, excluded.tail_id),
                     due_at = case when lane.due_at = 'infinity' then now() else lane.due_at end)
             select count(*) as \"moved!\" from moved",
            &$columns.subscriptions,
            &$columns.lanes,
            &$columns.sources as &[&str],
            &$columns.numbers,
            &$columns.not_before as &[Option<time::OffsetDateTime>],
            &$columns.replays as &[Option<i64>],
            $($parameter),*
        )
    };
}
pub(super) use move_and_insert;
