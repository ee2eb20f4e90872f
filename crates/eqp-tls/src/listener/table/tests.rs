//! Tests the order of evictions, and compares the table with a plain list.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    all: 8,
    per_source: 6,
    partial_bytes: 1000,
    long_head: 600,
    long_bytes: 1500,
    head: Duration::from_secs(10),
    idle: Duration::from_mins(1),
};

fn source(number: u8) -> Source {
    IpAddr::from(Ipv4Addr::new(192, 0, 2, number)).into()
}

struct Table {
    table: ConnectionTable,
    start: Instant,
}

impl Table {
    fn new() -> Self {
        Self::with(BOUNDS)
    }

    fn with(bounds: Bounds) -> Self {
        Self { table: ConnectionTable::new(bounds), start: Instant::now() }
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn take(&mut self, from: u8, second: u64) -> SlotId {
        self.try_take(from, second).unwrap().0
    }

    fn try_take(&mut self, from: u8, second: u64) -> Result<(SlotId, usize), Full> {
        let now = self.at(second);
        self.table.take(source(from), Arc::default(), now)
    }

    fn set(&mut self, id: SlotId, activity: Activity, second: u64) {
        let now = self.at(second);
        assert!(self.table.set(id, activity, now));
    }

    fn evicted(&self, ids: &[SlotId]) -> Vec<SlotId> {
        ids.iter().copied().filter(|id| !self.table.has_slot(*id)).collect()
    }
}

#[test]
fn a_new_connection_gets_a_slot_and_the_one_that_has_waited_longest_is_evicted() {
    let mut table = Table::new();
    let ids: Vec<_> = (0..8).map(|n| table.take(n, u64::from(n))).collect();
    table.set(ids[0], Activity::Processing, 10);
    table.set(ids[1], Activity::Idle, 20);
    table.take(9, 30);
    assert_eq!(table.evicted(&ids), [ids[1]], "the idle one");
    table.take(9, 30);
    assert_eq!(table.evicted(&ids), [ids[1], ids[2]], "not the one with a request in progress");
    assert_eq!(table.table.count(), 8);
    // Any number of new connections get a slot without waiting for evicted ones to end.
    for second in 31..1000 {
        table.take(9, second);
    }
    assert!(table.table.has_slot(ids[0]));
    assert_eq!(table.table.count(), 8);
}

#[test]
fn an_evicted_connection_no_longer_affects_its_slot() {
    let mut table = Table::new();
    let ids: Vec<_> = (0..9).map(|n| table.take(n, u64::from(n))).collect();
    assert_eq!(table.evicted(&ids), [ids[0]]);
    let now = table.at(9);
    assert!(!table.table.set(ids[0], Activity::Processing, now));
    assert_eq!(table.table.partly_sent(ids[0], 5000, now), 0);
    table.table.leave(ids[0]);
    assert_eq!((table.table.count(), table.evicted(&ids[1..]).len()), (8, 0));
}

#[test]
fn a_table_is_full_only_if_every_connection_stores_a_callback() {
    let mut table = Table::new();
    let ids: Vec<_> = (0..8).map(|number| table.take(number, 0)).collect();
    for id in &ids {
        table.set(*id, Activity::Receiving, 1);
    }
    // Seven requests were received completely.
    for id in &ids[..7] {
        table.table.slots[id.slot as usize].signals.stores.store(true, Ordering::Relaxed);
    }
    assert!(table.table.has_capacity());
    let last = table.take(9, 2);
    assert_eq!(table.evicted(&ids), [ids[7]]);
    table.set(last, Activity::Processing, 3);
    assert!(!table.table.has_capacity());
    assert_eq!(table.try_take(9, 4), Err(Full));
    table.set(ids[0], Activity::Idle, 5);
    assert!(table.table.has_capacity());
}

#[test]
fn a_flood_without_a_credential_evicts_only_itself() {
    let mut table = Table::new();
    let authenticated: Vec<_> = (0..4).map(|n| table.take(n, 0)).collect();
    for id in &authenticated {
        table.set(*id, Activity::Receiving, 1);
        table.set(*id, Activity::Idle, 1);
    }
    for second in 2..40 {
        table.take(9, second);
    }
    assert_eq!(table.evicted(&authenticated), []);
}

#[test]
fn a_flood_with_a_credential_leaves_half_of_the_table_to_others() {
    let mut table = Table::new();
    let others: Vec<_> = (0..4).map(|n| table.take(n, 0)).collect();
    for second in 1..40 {
        let id = table.take(u8::try_from(second).unwrap() + 100, second);
        table.set(id, Activity::Receiving, second);
        table.set(id, Activity::Idle, second);
    }
    assert!(table.evicted(&others).len() <= 1, "except for the newest, before its credential is checked");
}

#[test]
fn a_source_above_its_limit_loses_only_its_own_connections() {
    let mut table = Table::new();
    let other = table.take(1, 0);
    let theirs: Vec<_> = (0..6).map(|n| table.take(2, 1 + n)).collect();
    table.take(2, 20);
    assert_eq!(table.evicted(&theirs), [theirs[0]]);
    assert_eq!(table.evicted(&[other]), [], "although it has waited longer");
}

#[test]
fn only_connections_that_exceed_their_own_time_limit_are_evicted() {
    let mut table = Table::new();
    let ids = [0; 5].map(|_| table.take(1, 0));
    let [slow, idle, working, receiving, looked_up] = ids;
    for (id, activity) in [(idle, Activity::Idle), (working, Activity::Processing), (receiving, Activity::Receiving)] {
        table.set(id, activity, 0);
    }
    table.table.slots[looked_up.slot as usize].signals.in_request.store(true, Ordering::Relaxed);
    let expired = [9, 10, 59, 60, 1000].map(|second| {
        let now = table.at(second);
        table.table.expire(now)
    });
    assert_eq!(expired, [0, 1, 0, 1, 0]);
    assert_eq!(table.evicted(&ids), [slow, idle]);
}

#[test]
fn incomplete_requests_of_all_connections_together_are_limited() {
    let mut table = Table::with(Bounds { long_bytes: 100_000, ..BOUNDS });
    let ids = [0; 4].map(|_| table.take(1, 0));
    let now = table.at(1);
    table.set(ids[3], Activity::Idle, 1);
    let evicted = [(0, 400), (1, 400), (3, 200), (2, 400), (2, 5000)]
        .map(|(which, bytes)| table.table.partly_sent(ids[which], bytes, now));
    assert_eq!(evicted, [0, 0, 0, 1, 2]);
    assert_eq!((table.table.count(), table.table.partial_bytes), (1, 200));
    table.table.leave(ids[3]);
    assert_eq!(table.table.partial_bytes, 0);
    // A complete request no longer counts.
    let id = table.take(1, 2);
    for _ in 0..3 {
        assert_eq!(table.table.partly_sent(id, 600, now), 0);
        table.set(id, Activity::Idle, 3);
    }
}

#[test]
fn long_heads_are_limited_together_and_evict_no_connection_with_a_short_head() {
    let mut table = Table::with(Bounds { partial_bytes: 100_000, ..BOUNDS });
    let ids: Vec<_> = (0..6).map(|number| table.take(number, 0)).collect();
    let now = table.at(1);
    let mut sends = |which: usize, bytes| table.table.partly_sent(ids[which], bytes, now);
    assert_eq!([(0, 600), (1, 700), (2, 600), (2, 200), (3, 500)].map(|(which, bytes)| sends(which, bytes)), [0; 5]);
    assert_eq!(sends(1, 100), 1, "the one whose head became long first");
    assert_eq!((sends(4, 600), sends(5, 700)), (0, 0));
    assert_eq!(table.evicted(&ids), [ids[1]]);
    // A complete request and a closed connection no longer count.
    table.set(ids[2], Activity::Idle, 2);
    assert_eq!(table.table.long_bytes, 700);
    table.table.leave(ids[5]);
    assert_eq!((table.table.long_bytes, table.table.partial_bytes), (0, 1700));
    // A connection that alone exceeds the limit is evicted.
    assert_eq!(table.table.partly_sent(ids[0], 1000, now), 1);
    assert_eq!(table.evicted(&ids), [ids[0], ids[1], ids[5]]);
}

#[test]
fn without_free_file_descriptors_several_connections_are_evicted() {
    let mut table = Table::new();
    let ids: Vec<_> = (0..8).map(|n| table.take(n, 0)).collect();
    table.set(ids[0], Activity::Processing, 0);
    assert_eq!(table.table.shed(), 1);
    assert_eq!(table.table.count(), 7);
}

/// A connection in the plain model: its ID, activity, start time, source, and whether it is authenticated.
type Plain = (SlotId, Activity, u64, u8, bool);

fn plain_victim(plain: &[Plain], of: impl Fn(&Plain) -> bool, all: bool) -> Option<SlotId> {
    let waits = |entry: &&Plain| entry.1 != Activity::Processing && of(entry);
    let is_receiving = |entry: &&Plain| entry.1 == Activity::Receiving;
    let longest = |class: &dyn Fn(&&Plain) -> bool| {
        plain.iter().filter(waits).filter(|entry| class(entry)).min_by_key(|entry| entry.2).map(|entry| entry.0)
    };
    let stranger = |entry: &&Plain| !entry.4 && !is_receiving(entry);
    let authenticated = |entry: &&Plain| entry.4 && !is_receiving(entry);
    let unauthenticated = plain.iter().filter(stranger).filter(waits).count();
    let strangers_first = !all || unauthenticated >= BOUNDS.all / 2;
    let is_idle = |entry: &&Plain| all && entry.1 == Activity::Idle;
    let idle_first =
        |class: &dyn Fn(&&Plain) -> bool| longest(&|entry| class(entry) && is_idle(entry)).or_else(|| longest(class));
    let (first, second) = (idle_first(&stranger), idle_first(&authenticated));
    let waiting = if strangers_first { first.or(second) } else { second.or(first) };
    waiting.or_else(|| longest(&is_receiving))
}

proptest! {
    /// Compares the table with a plain list that is searched completely.
    #[test]
    fn the_table_evicts_the_same_connection_as_a_plain_list(
        steps in prop::collection::vec((0_u8..4, 0_usize..8), 1..300)
    ) {
        let mut table = Table::new();
        let mut plain: Vec<Plain> = Vec::new();
        for (second, (step, which)) in (1_u64..).zip(steps) {
            if step < 2 || plain.is_empty() {
                let from = u8::try_from(which % 3).unwrap();
                let before = plain.len();
                if plain.iter().filter(|entry| entry.3 == from).count() >= BOUNDS.per_source
                    && let Some(victim) = plain_victim(&plain, |entry| entry.3 == from, false)
                {
                    plain.retain(|entry| entry.0 != victim);
                }
                if plain.len() >= BOUNDS.all
                    && let Some(victim) = plain_victim(&plain, |_| true, true)
                {
                    plain.retain(|entry| entry.0 != victim);
                }
                match table.try_take(from, second) {
                    Ok((id, evicted)) => {
                        prop_assert_eq!(evicted, before - plain.len());
                        plain.push((id, Activity::Requesting, second, from, false));
                    }
                    Err(Full) => prop_assert!(plain.len() == BOUNDS.all),
                }
            } else {
                let at = which % plain.len();
                let activity = [Activity::Requesting, Activity::Idle, Activity::Receiving, Activity::Processing][which % 4];
                if step == 2 {
                    table.table.leave(plain.remove(at).0);
                } else {
                    table.set(plain[at].0, activity, second);
                    (plain[at].1, plain[at].2) = (activity, second);
                    plain[at].4 |= activity == Activity::Receiving;
                }
            }
            prop_assert_eq!(table.table.count(), plain.len());
            for entry in &plain {
                prop_assert!(table.table.has_slot(entry.0));
                prop_assert_eq!(table.table.slots[entry.0.slot as usize].activity, entry.1);
            }
            prop_assert_eq!(table.table.by_source.len(), {
                let mut sources: Vec<u8> = plain.iter().map(|entry| entry.3).collect();
                sources.sort_unstable();
                sources.dedup();
                sources.len()
            });
        }
    }
}
