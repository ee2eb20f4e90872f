//! Reads the contents of messages about events.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool, query};

use super::event::{Source, select};
use super::store_version::query_with_store_version;
use crate::model::{Event, EventContext, EventDetailText};

/// Returns the events with these numbers. Reprojection can have removed some.
pub async fn events(pool: &PgPool, seqs: &[i64]) -> Result<HashMap<i64, Event>, sqlx::Error> {
    let mut events = select(Source::All);
    events.push(" and event.seq = any(").push_bind(seqs.to_vec()).push(")");
    let events: Vec<Event> = events.build_query_as().fetch_all(pool).await?;
    Ok(events.into_iter().map(|event| (event.seq, event)).collect())
}

/// Returns the known SKUs of the resources of these events, by the number of the event. `None`: the details were read, and there is none.
pub async fn skus(connection: &mut PgConnection, seqs: &[i64]) -> Result<HashMap<i64, Option<String>>, sqlx::Error> {
    let rows = query!(
        r#"
        select event.seq, detail.sku
        from unnest($1::bigint[]) as wanted (seq)
        join eqp.event on event.seq = wanted.seq
        join eqp.resource_detail as detail
          on detail.account_id = event.account_id and detail.resource_kind = event.kind
         and detail.resource_id = event.resource_id
        "#,
        seqs
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.seq, row.sku)).collect())
}

/// Returns the contents of messages about these events, by the number of the event.
pub async fn contexts(pool: &PgPool, seqs: &[i64]) -> Result<HashMap<i64, EventContext>, sqlx::Error> {
    let rows = query_with_store_version!(
        r#"
        select event.seq,
               (select earlier.status
                from eqp.event as earlier
                where earlier.resource_id = event.resource_id and earlier.seq < event.seq
                  and earlier.track_id = event.track_id and earlier.applied
                order by earlier.seq desc
                limit 1) as previous_status,
               (select coalesce(array_agg(track.flow order by track.id), '{}')
                from eqp.track
                where track.account_id = event.account_id and track.resource_kind = event.kind
                  and track.resource_id = event.resource_id) as "flows!",
               (select coalesce(array_agg(track.status order by track.id), '{}')
                from eqp.track
                where track.account_id = event.account_id and track.resource_kind = event.kind
                  and track.resource_id = event.resource_id) as "statuses!",
               detail.account_id is not null as "has_detail!", detail.sku as "sku?", detail.version as "version?",
               detail.name as "name?",
               case when coalesce(detail.modified_at >= event.modified_at, detail.read_at >= event.received_at)
                         and detail.details ? 'findings'
                    then array(select jsonb_array_elements_text(detail.details -> 'findings')) end as findings,
               (select min(earlier.received_at)
                from eqp.track
                join eqp.event as earlier on earlier.track_id = track.id and earlier.resource_id = track.resource_id
                where track.account_id = event.account_id and track.resource_kind = event.kind
                  and track.resource_id = event.resource_id and track.flow = 'overall'
                  and earlier.status = 'in_progress' and earlier.origin <> 'baseline') as submitted_at,
        "#,
        r#"
        from unnest($1::bigint[]) as wanted (seq)
        join eqp.event on event.seq = wanted.seq
        left join eqp.resource_detail as detail
          on detail.account_id = event.account_id and detail.resource_kind = event.kind
         and detail.resource_id = event.resource_id
        "#,
        seqs
    )
    .fetch_all(pool)
    .await?;
    let contexts = rows.into_iter().map(|row| {
        let detail = row.has_detail.then_some(EventDetailText {
            sku: row.sku,
            version: row.version,
            name: row.name,
            findings: row.findings,
        });
        let statuses = row.flows.into_iter().zip(row.statuses).collect();
        let context = EventContext {
            previous_status: row.previous_status,
            statuses,
            detail,
            submitted_at: row.submitted_at,
            store_version: row.store_version,
        };
        (row.seq, context)
    });
    Ok(contexts.collect())
}
