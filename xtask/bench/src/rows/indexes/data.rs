//! The rows that the measured tables are filled with.

use sqlx::postgres::PgConnectOptions;

use crate::Failure;
use crate::postgres::execute;
use crate::rows::fill::{fill, settle};

/// The accounts. Half of all events belong to the first one; the last has few.
const ACCOUNTS: &str = "
    insert into eqp.account (environment, mage_id)
    select case when n % 4 = 0 then 'sandbox' else 'production' end, 'MAG' || n from generate_series(1, 10) as n;
    insert into eqp.endpoint (account_id, name, path, public_url)
    select id, 'e' || id, '/e' || id, 'https://example.test/e' || id from eqp.account";

/// The tracks. Nine of ten resources are submissions with three tracks, one of ten is a file with one track.
const TRACKS: &str = "
    insert into eqp.track (id, account_id, resource_kind, resource_id, flow, item_id, status, modified_at, seen_until,
                           ambiguous, received_at, event_seq)
    select r * 3 + f, case when r % 20000 = 7 then 10 when r % 2 = 0 then 1 else 2 + (r / 2) % 8 end,
           case when r % 10 = 0 then 'file' else 'submission' end, 'r' || r,
           case when r % 10 = 0 then 'malware' else (array['overall', 'technical', 'marketing'])[1 + f] end,
           case when r % 10 <> 0 then 'item' || r end, case when r % 10 = 0 then 'passed' else 'approved' end,
           now(), now(), r % 1000 = 1 and f = 1, now(), r * 3 + f
    from generate_series($from::bigint, $to) as r, generate_series(0, 2) as f
    where r % 10 <> 0 or f = 0";

/// Events are skewed towards some resources: a few resources have thousands of events, most have few. One status in 500
/// is `rejected`, one in 50,000 is unknown; one event in 1,000 has an unknown code or is undecodable; dispositions are
/// as rare as in practice.
const EVENTS: &str = "
    insert into eqp.event (seq, track_id, account_id, kind, resource_id, flow, status, modified_at, received_at, origin,
                           explicit, disposition, applied, reason, callback_id)
    select n, case when kind in ('submission', 'file') then r * 3 + f end,
           case when r % 20000 = 7 then 10 when r % 2 = 0 then 1 else 2 + (r / 2) % 8 end, kind,
           case when kind in ('submission', 'file') then 'r' || r end,
           case kind when 'submission' then (array['overall', 'technical', 'marketing'])[1 + f] when 'file' then 'malware' end,
           case kind when 'submission' then
               case when n % 50000 = 1 then 'on_the_moon' when n % 500 = 1 then 'rejected'
                    when f = 0 then (array['in_progress', 'approved', 'released_to_store'])[1 + n % 3]
                    when f = 1 then (array['in_automation', 'awaiting_manual_qa', 'approved'])[1 + n % 3]
                    else (array['awaiting_marketing_review', 'in_marketing_review', 'approved'])[1 + n % 3] end
                when 'file' then case when n % 100 = 0 then 'failed' else 'passed' end end,
           to_timestamp(1500000000 + n), now() - ($count - n) * interval '5 seconds', 'callback', n % 3 = 0,
           case when kind in ('submission', 'file') then
               case n % 1000 when 1 then 'reentered' when 2 then 'ambiguous' when 3 then 'late' else 'applied' end end,
           kind in ('submission', 'file') and n % 1000 <> 3,
           case when kind in ('unknown', 'undecodable') then 'a reason' end, ('00000000-0000-7000-8000-' || lpad(to_hex(n / 2), 12, '0'))::uuid
    from (select n, case when n % 2000 = 10 then 'unknown' when n % 2000 = 20 then 'undecodable' when r % 10 = 0 then 'file'
                         else 'submission' end as kind, r, case when r % 10 = 0 then 0 else n % 3 end as f
          from (select n, 1 + floor(power(((n * 7919) % 1000003) / 1000003.0, 2) * 299999)::bigint as r
                from generate_series($from::bigint, $to) as n) as numbers) as event";

/// Tracks follow their events, as the lists of submissions expect.
const NEWEST: &str = "
    update eqp.track set event_seq = newest.seq
    from (select track_id, max(seq) as seq from eqp.event where applied group by track_id) as newest
    where track.id = newest.track_id";

/// One in five is a duplicate.
const DISPOSITIONS: &str = "
    insert into eqp.callback_disposition (callback_id, ordinal, resource_kind, resource_id, disposition, duplicate_of,
                                          content_digest)
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n, 'submission', 'r' || 1 + n % 299999,
           case when n % 5 = 0 then 'duplicate' else 'event' end,
           case when n % 5 = 0 then ('00000000-0000-7000-8000-' || lpad(to_hex(n - 1), 12, '0'))::uuid end,
           case when n % 5 <> 0 then decode(md5(n::text), 'hex') end
    from generate_series($from::bigint, $to) as n";

const CALLBACKS: &str = "
    insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1 + n % 10, 1, now(), '192.0.2.7', '', '{}', 'writer'
    from generate_series($from::bigint, $to) as n";

/// Fills the event tables with `events` events and their tracks, callbacks and dispositions.
pub(super) async fn fill_tables(database: &PgConnectOptions, events: i64) -> Result<(), Failure> {
    execute(database, ACCOUNTS.to_owned()).await?;
    fill(database, "track", 300_000, TRACKS).await?;
    fill(database, "event", events, &EVENTS.replace("$count", &events.to_string())).await?;
    execute(database, NEWEST.to_owned()).await?;
    fill(database, "callback_disposition", events / 2, DISPOSITIONS).await?;
    fill(database, "callback", events / 10, CALLBACKS).await?;
    settle(database, "eqp.event, eqp.track, eqp.callback_disposition, eqp.callback").await
}
