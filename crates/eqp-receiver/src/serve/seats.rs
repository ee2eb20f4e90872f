//! The connection table: which connections hold a slot, what each is doing, and which one is evicted when the table is
//! full. No I/O, and no clock of its own.
//!
//! A connection whose callback is being stored is never evicted; every other one can be, and its slot is free at once,
//! so that the newest connection always gets one: refusing it would let idle connections lock everybody else out. In
//! this order the connection that has waited longest is evicted:
//!
//! 1. among those that have never shown a valid credential, while they hold half of the table or more;
//! 2. among those that have, and are not in the middle of a callback;
//! 3. among the former again, however few they are;
//! 4. among those whose callback has not arrived whole.
//!
//! Of the first three, one that has been answered and is idle goes before one that is about to send a request: what was
//! spent on a handshake is not wasted for those that only hold a connection.
//!
//! So a flood without a credential evicts only itself, and one with a credential leaves half of the table to others.
//! Every step takes the same time, however many connections there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::{Neighbours, Queue};
use crate::source::Source;

/// How many connections there may be, how long each may wait, and how much it may make us remember.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of all.
    pub(super) all: usize,
    /// Of one source: one that has more loses one of its own for each new one.
    pub(super) per_source: usize,
    /// Bytes that all connections together have sent of requests that are not complete.
    pub(super) partial_bytes: usize,
    /// For the handshake, and for a request once it has begun.
    pub(super) head: Duration,
    /// For the next request.
    pub(super) idle: Duration,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Its first request is due, or half of one has come.
    Beginning,
    /// It has had an answer, and waits for its next request.
    Idle,
    /// It waits for the answer to a request that has not shown a valid credential.
    Answering,
    /// It has shown a valid credential, and its callback is arriving.
    Receiving,
    /// Its request must be answered.
    Working,
}

/// Which connections are evicted before others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// It has never shown a valid credential.
    Stranger,
    /// It has shown one, and waits.
    Known,
    /// Its callback is arriving.
    Receiving,
}

/// Waiting connections, by what they wait for.
const QUEUES: usize = 7;
const CLASSES: usize = 3;

/// A slot of the table, as one connection had it. Once that is evicted, somebody else may have the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeatId {
    place: u32,
    generation: u32,
}

/// What a connection and the table tell each other without the table's lock.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Wakes a connection that is to end.
    pub(super) call: Notify,
    /// It has no slot any more, and has to end at once.
    pub(super) evicted: AtomicBool,
    /// A request of it has been read and is not answered.
    pub(super) in_request: AtomicBool,
    /// Its callback has arrived whole, and is being stored.
    pub(super) stores: AtomicBool,
}

/// Every connection stores a callback, so none can be evicted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    bounds: Bounds,
    places: Vec<Seat>,
    free: Vec<u32>,
    queues: [Queue; QUEUES],
    /// How many wait, by class.
    waiting: [usize; CLASSES],
    /// What all connections have sent of incomplete requests.
    partial_bytes: usize,
    sources: Vec<Held>,
    free_sources: Vec<u32>,
    by_source: HashMap<Source, u32>,
}

#[derive(Debug)]
struct Seat {
    /// How many connections have had this slot before.
    generation: u32,
    doing: Doing,
    /// It has shown a valid credential.
    known: bool,
    since: Instant,
    partial_bytes: usize,
    source: u32,
    signals: Arc<Signals>,
    in_queue: Neighbours,
    in_source: Neighbours,
}

/// What one source holds.
#[derive(Debug)]
struct Held {
    source: Source,
    count: usize,
    /// Its connections that wait, by class, the longest first.
    waiting: [Queue; CLASSES],
}

impl Seat {
    /// None for one that does not wait.
    fn class(&self) -> Option<Class> {
        match self.doing {
            Doing::Working => None,
            Doing::Receiving => Some(Class::Receiving),
            _ if self.known => Some(Class::Known),
            _ => Some(Class::Stranger),
        }
    }
}

/// Where the connections wait that are doing this. Those of strangers come first.
fn queue(doing: Doing, known: bool) -> usize {
    let of_class = if known { 3 } else { 0 };
    match doing {
        Doing::Beginning => of_class,
        Doing::Idle => of_class + 1,
        Doing::Answering => of_class + 2,
        Doing::Receiving | Doing::Working => QUEUES - 1,
    }
}

impl Seats {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            places: Vec::new(),
            free: Vec::new(),
            queues: [Queue::default(); QUEUES],
            waiting: [0; CLASSES],
            partial_bytes: 0,
            sources: Vec::new(),
            free_sources: Vec::new(),
            by_source: HashMap::new(),
        }
    }

    /// How many connections hold a slot.
    pub(super) fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there is a slot for a new connection, or one that can be freed for it.
    pub(super) fn has_room(&mut self) -> bool {
        self.count() < self.bounds.all || self.victim().is_some()
    }

    /// Gives a new connection a slot, and says how many others were evicted for it.
    pub(super) fn take(
        &mut self,
        source: Source,
        signals: Arc<Signals>,
        now: Instant,
    ) -> Result<(SeatId, usize), Full> {
        let mut evicted = 0;
        if let Some(held) = self.by_source.get(&source).copied()
            && self.sources[held as usize].count >= self.bounds.per_source
            && let Some(longest) = self.victim_of(held)
        {
            self.evict(longest);
            evicted += 1;
        }
        if self.count() >= self.bounds.all {
            let longest = self.victim().ok_or(Full)?;
            self.evict(longest);
            evicted += 1;
        }
        // Looked up again: the last connection of the source may have been evicted.
        let held = self.by_source.get(&source).copied().unwrap_or_else(|| self.new_source(source));
        self.sources[held as usize].count += 1;
        let mut seat = Seat {
            generation: 0,
            doing: Doing::Beginning,
            known: false,
            since: now,
            partial_bytes: 0,
            source: held,
            signals,
            in_queue: Neighbours::default(),
            in_source: Neighbours::default(),
        };
        let place = if let Some(place) = self.free.pop() {
            seat.generation = self.places[place as usize].generation;
            self.places[place as usize] = seat;
            place
        } else {
            self.places.push(seat);
            u32::try_from(self.places.len() - 1).map_err(|_| Full)?
        };
        self.enqueue(place);
        Ok((SeatId { place, generation: self.places[place as usize].generation }, evicted))
    }

    /// Records what a connection is doing from now on; false when it has no slot any more.
    pub(super) fn set(&mut self, id: SeatId, doing: Doing, now: Instant) -> bool {
        if !self.has_slot(id) {
            return false;
        }
        self.dequeue(id.place);
        let seat = &mut self.places[id.place as usize];
        seat.known |= doing == Doing::Receiving;
        (seat.doing, seat.since) = (doing, now);
        self.partial_bytes -= std::mem::take(&mut seat.partial_bytes);
        self.enqueue(id.place);
        true
    }

    /// Counts bytes of a request that is not complete, and says how many connections were evicted because all of them
    /// together have sent too many.
    pub(super) fn partly_sent(&mut self, id: SeatId, bytes: usize, now: Instant) -> usize {
        if !self.has_slot(id) {
            return 0;
        }
        if self.places[id.place as usize].doing == Doing::Idle {
            self.set(id, Doing::Beginning, now);
        }
        self.places[id.place as usize].partial_bytes += bytes;
        self.partial_bytes += bytes;
        let mut evicted = 0;
        while self.partial_bytes > self.bounds.partial_bytes {
            let beginning = [queue(Doing::Beginning, false), queue(Doing::Beginning, true)];
            let Some(longest) = beginning.into_iter().find_map(|queue| self.queues[queue].first()) else { break };
            self.evict(longest);
            evicted += 1;
        }
        evicted
    }

    /// Frees the slot of a connection that has ended or is closing.
    pub(super) fn leave(&mut self, id: SeatId) {
        if self.has_slot(id) {
            self.release(id.place);
        }
    }

    /// Evicts all that have waited too long for the peer, and says how many.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        let mut expired = 0;
        for known in [false, true] {
            for (doing, longest) in [(Doing::Beginning, self.bounds.head), (Doing::Idle, self.bounds.idle)] {
                let queue = queue(doing, known);
                while let Some(place) = self.queues[queue].first().filter(|place| self.waited(*place, now) >= longest) {
                    if self.places[place as usize].signals.in_request.load(Ordering::Relaxed) {
                        // It is we who are late.
                        self.dequeue(place);
                        self.places[place as usize].doing = Doing::Answering;
                        self.enqueue(place);
                    } else {
                        self.evict(place);
                        expired += 1;
                    }
                }
            }
        }
        expired
    }

    /// Evicts an eighth of those that can be, because the system lets no more connections in; says how many.
    pub(super) fn make_room(&mut self) -> usize {
        let wanted = self.waiting.iter().sum::<usize>().div_ceil(8);
        let mut evicted = 0;
        while evicted < wanted
            && let Some(longest) = self.victim()
        {
            self.evict(longest);
            evicted += 1;
        }
        evicted
    }

    /// Calls everybody, also those that are at work, who then go when that is done.
    pub(super) fn call_all(&self) {
        for seat in &self.places {
            seat.signals.call.notify_one();
        }
    }

    fn has_slot(&self, id: SeatId) -> bool {
        self.places[id.place as usize].generation == id.generation
    }

    fn waited(&self, place: u32, now: Instant) -> Duration {
        now.saturating_duration_since(self.places[place as usize].since)
    }

    /// The connection to evict for another.
    fn victim(&mut self) -> Option<u32> {
        let [strangers, known, receiving] = self.waiting;
        let longest = |known| {
            let first = |doing| self.queues[queue(doing, known)].first();
            let busy = [first(Doing::Beginning), first(Doing::Answering)].into_iter().flatten();
            first(Doing::Idle).or_else(|| busy.min_by_key(|place| self.places[*place as usize].since))
        };
        if strangers > 0 && (known == 0 || strangers >= self.bounds.all / 2) {
            return longest(false);
        }
        if known > 0 {
            return longest(true);
        }
        if receiving > 0 { self.still_receiving(|seats| seats.queues[QUEUES - 1].first()) } else { None }
    }

    /// The connection of a source to evict for another of it.
    fn victim_of(&mut self, held: u32) -> Option<u32> {
        let [strangers, known, _] = self.sources[held as usize].waiting;
        let waiting = strangers.first().or(known.first());
        waiting.or_else(|| self.still_receiving(|seats| seats.sources[held as usize].waiting[2].first()))
    }

    /// The first whose callback is really arriving still.
    fn still_receiving(&mut self, first: impl Fn(&Self) -> Option<u32>) -> Option<u32> {
        loop {
            let place = first(self)?;
            if !self.places[place as usize].signals.stores.load(Ordering::Relaxed) {
                return Some(place);
            }
            self.dequeue(place);
            self.places[place as usize].doing = Doing::Working;
        }
    }

    fn evict(&mut self, place: u32) {
        let signals = &self.places[place as usize].signals;
        signals.evicted.store(true, Ordering::Relaxed);
        signals.call.notify_one();
        self.release(place);
    }

    fn release(&mut self, place: u32) {
        self.dequeue(place);
        self.free.push(place);
        let seat = &mut self.places[place as usize];
        seat.generation = seat.generation.wrapping_add(1);
        self.partial_bytes -= std::mem::take(&mut seat.partial_bytes);
        let held = seat.source;
        let source = &mut self.sources[held as usize];
        source.count -= 1;
        if source.count == 0 {
            self.by_source.remove(&source.source);
            self.free_sources.push(held);
        }
    }

    fn new_source(&mut self, source: Source) -> u32 {
        let held = Held { source, count: 0, waiting: [Queue::default(); CLASSES] };
        let at = if let Some(at) = self.free_sources.pop() {
            self.sources[at as usize] = held;
            at
        } else {
            self.sources.push(held);
            // There are never more sources than slots.
            u32::try_from(self.sources.len() - 1).unwrap_or_default()
        };
        self.by_source.insert(source, at);
        at
    }

    fn enqueue(&mut self, place: u32) {
        let seat = &self.places[place as usize];
        let (Some(class), source) = (seat.class(), seat.source as usize) else { return };
        let queue = &mut self.queues[queue(seat.doing, seat.known)];
        queue.push(&mut self.places, |seat| &mut seat.in_queue, place);
        self.sources[source].waiting[class as usize].push(&mut self.places, |seat| &mut seat.in_source, place);
        self.waiting[class as usize] += 1;
    }

    fn dequeue(&mut self, place: u32) {
        let seat = &self.places[place as usize];
        let (Some(class), source) = (seat.class(), seat.source as usize) else { return };
        let queue = &mut self.queues[queue(seat.doing, seat.known)];
        queue.remove(&mut self.places, |seat| &mut seat.in_queue, place);
        self.sources[source].waiting[class as usize].remove(&mut self.places, |seat| &mut seat.in_source, place);
        self.waiting[class as usize] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        all: 8,
        per_source: 6,
        partial_bytes: 1000,
        head: Duration::from_secs(10),
        idle: Duration::from_mins(1),
    };

    fn source(number: u8) -> Source {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, number)).into()
    }

    struct Table {
        seats: Seats,
        start: Instant,
    }

    impl Table {
        fn new() -> Self {
            Self { seats: Seats::new(BOUNDS), start: Instant::now() }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        fn take(&mut self, from: u8, second: u64) -> SeatId {
            self.try_take(from, second).unwrap().0
        }

        fn try_take(&mut self, from: u8, second: u64) -> Result<(SeatId, usize), Full> {
            let now = self.at(second);
            self.seats.take(source(from), Arc::default(), now)
        }

        fn set(&mut self, id: SeatId, doing: Doing, second: u64) {
            let now = self.at(second);
            assert!(self.seats.set(id, doing, now));
        }

        fn evicted(&self, ids: &[SeatId]) -> Vec<SeatId> {
            ids.iter().copied().filter(|id| !self.seats.has_slot(*id)).collect()
        }
    }

    #[test]
    fn the_newest_gets_in_at_once_and_the_one_that_waited_longest_is_evicted() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..8).map(|n| table.take(n, u64::from(n))).collect();
        table.set(ids[0], Doing::Working, 10);
        table.set(ids[1], Doing::Idle, 20);
        table.take(9, 30);
        assert_eq!(table.evicted(&ids), [ids[1]], "the one that is idle");
        table.take(9, 30);
        assert_eq!(table.evicted(&ids), [ids[1], ids[2]], "and not the one at work");
        assert_eq!(table.seats.count(), 8);
        // However many come: nobody waits for those that were evicted to be gone.
        for second in 31..1000 {
            table.take(9, second);
        }
        assert!(table.seats.has_slot(ids[0]));
        assert_eq!(table.seats.count(), 8);
    }

    #[test]
    fn one_that_was_evicted_has_no_part_in_the_slot_any_more() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..9).map(|n| table.take(n, u64::from(n))).collect();
        assert_eq!(table.evicted(&ids), [ids[0]]);
        let now = table.at(9);
        assert!(!table.seats.set(ids[0], Doing::Working, now));
        assert_eq!(table.seats.partly_sent(ids[0], 5000, now), 0);
        table.seats.leave(ids[0]);
        assert_eq!((table.seats.count(), table.evicted(&ids[1..]).len()), (8, 0));
    }

    #[test]
    fn only_where_all_store_callbacks_is_there_no_room() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..8).map(|number| table.take(number, 0)).collect();
        for id in &ids {
            table.set(*id, Doing::Receiving, 1);
        }
        // Seven have arrived whole.
        for id in &ids[..7] {
            table.seats.places[id.place as usize].signals.stores.store(true, Ordering::Relaxed);
        }
        assert!(table.seats.has_room());
        let last = table.take(9, 2);
        assert_eq!(table.evicted(&ids), [ids[7]]);
        table.set(last, Doing::Working, 3);
        assert!(!table.seats.has_room());
        assert_eq!(table.try_take(9, 4), Err(Full));
        table.set(ids[0], Doing::Idle, 5);
        assert!(table.seats.has_room());
    }

    #[test]
    fn a_flood_without_a_credential_evicts_only_itself() {
        let mut table = Table::new();
        let known: Vec<_> = (0..4).map(|n| table.take(n, 0)).collect();
        for id in &known {
            table.set(*id, Doing::Receiving, 1);
            table.set(*id, Doing::Idle, 1);
        }
        for second in 2..40 {
            table.take(9, second);
        }
        assert_eq!(table.evicted(&known), []);
    }

    #[test]
    fn a_flood_with_a_credential_leaves_half_of_the_table_to_others() {
        let mut table = Table::new();
        let others: Vec<_> = (0..4).map(|n| table.take(n, 0)).collect();
        for second in 1..40 {
            let id = table.take(u8::try_from(second).unwrap() + 100, second);
            table.set(id, Doing::Receiving, second);
            table.set(id, Doing::Idle, second);
        }
        assert!(table.evicted(&others).len() <= 1, "but for the newest, while it shows its credential");
    }

    #[test]
    fn a_source_over_its_share_loses_its_own_and_nobody_elses() {
        let mut table = Table::new();
        let other = table.take(1, 0);
        let theirs: Vec<_> = (0..6).map(|n| table.take(2, 1 + n)).collect();
        table.take(2, 20);
        assert_eq!(table.evicted(&theirs), [theirs[0]]);
        assert_eq!(table.evicted(&[other]), [], "though it has waited longer");
    }

    #[test]
    fn whoever_waits_too_long_is_evicted_and_whoever_waits_for_us_is_not() {
        let mut table = Table::new();
        let ids = [0; 5].map(|_| table.take(1, 0));
        let [slow, idle, working, receiving, looked_up] = ids;
        for (id, doing) in [(idle, Doing::Idle), (working, Doing::Working), (receiving, Doing::Receiving)] {
            table.set(id, doing, 0);
        }
        table.seats.places[looked_up.place as usize].signals.in_request.store(true, Ordering::Relaxed);
        let expired = [9, 10, 59, 60, 1000].map(|second| {
            let now = table.at(second);
            table.seats.expire(now)
        });
        assert_eq!(expired, [0, 1, 0, 1, 0]);
        assert_eq!(table.evicted(&ids), [slow, idle]);
    }

    #[test]
    fn what_all_have_sent_of_half_requests_is_bounded_together() {
        let mut table = Table::new();
        let ids = [0; 4].map(|_| table.take(1, 0));
        let now = table.at(1);
        table.set(ids[3], Doing::Idle, 1);
        let evicted = [(0, 400), (1, 400), (3, 200), (2, 400), (2, 5000)]
            .map(|(which, bytes)| table.seats.partly_sent(ids[which], bytes, now));
        assert_eq!(evicted, [0, 0, 0, 1, 2]);
        assert_eq!((table.seats.count(), table.seats.partial_bytes), (1, 200));
        table.seats.leave(ids[3]);
        assert_eq!(table.seats.partial_bytes, 0);
        // A request that is complete counts no more.
        let id = table.take(1, 2);
        for _ in 0..3 {
            assert_eq!(table.seats.partly_sent(id, 600, now), 0);
            table.set(id, Doing::Idle, 3);
        }
    }

    #[test]
    fn where_the_system_has_no_more_files_several_make_room() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..8).map(|n| table.take(n, 0)).collect();
        table.set(ids[0], Doing::Working, 0);
        assert_eq!(table.seats.make_room(), 1);
        assert_eq!(table.seats.count(), 7);
    }

    /// A connection as the plain model has it: what it is doing, since when, its source, whether it is known.
    type Plain = (SeatId, Doing, u64, u8, bool);

    fn plain_victim(plain: &[Plain], of: impl Fn(&Plain) -> bool, all: bool) -> Option<SeatId> {
        let waits = |seat: &&Plain| seat.1 != Doing::Working && of(seat);
        let is_receiving = |seat: &&Plain| seat.1 == Doing::Receiving;
        let longest = |class: &dyn Fn(&&Plain) -> bool| {
            plain.iter().filter(waits).filter(|seat| class(seat)).min_by_key(|seat| seat.2).map(|seat| seat.0)
        };
        let stranger = |seat: &&Plain| !seat.4 && !is_receiving(seat);
        let known = |seat: &&Plain| seat.4 && !is_receiving(seat);
        let strangers = plain.iter().filter(stranger).filter(waits).count();
        let strangers_first = !all || strangers >= BOUNDS.all / 2;
        let is_idle = |seat: &&Plain| all && seat.1 == Doing::Idle;
        let idle_first =
            |class: &dyn Fn(&&Plain) -> bool| longest(&|seat| class(seat) && is_idle(seat)).or_else(|| longest(class));
        let (first, second) = (idle_first(&stranger), idle_first(&known));
        let waiting = if strangers_first { first.or(second) } else { second.or(first) };
        waiting.or_else(|| longest(&is_receiving))
    }

    proptest! {
        /// Against a plain list that is searched from end to end.
        #[test]
        fn the_one_that_is_evicted_is_the_one_that_a_plain_list_finds(
            steps in prop::collection::vec((0_u8..4, 0_usize..8), 1..300)
        ) {
            let mut table = Table::new();
            let mut plain: Vec<Plain> = Vec::new();
            for (second, (step, which)) in (1_u64..).zip(steps) {
                if step < 2 || plain.is_empty() {
                    let from = u8::try_from(which % 3).unwrap();
                    let before = plain.len();
                    if plain.iter().filter(|seat| seat.3 == from).count() >= BOUNDS.per_source
                        && let Some(victim) = plain_victim(&plain, |seat| seat.3 == from, false)
                    {
                        plain.retain(|seat| seat.0 != victim);
                    }
                    if plain.len() >= BOUNDS.all
                        && let Some(victim) = plain_victim(&plain, |_| true, true)
                    {
                        plain.retain(|seat| seat.0 != victim);
                    }
                    match table.try_take(from, second) {
                        Ok((id, evicted)) => {
                            prop_assert_eq!(evicted, before - plain.len());
                            plain.push((id, Doing::Beginning, second, from, false));
                        }
                        Err(Full) => prop_assert!(plain.len() == BOUNDS.all),
                    }
                } else {
                    let at = which % plain.len();
                    let doing = [Doing::Beginning, Doing::Idle, Doing::Receiving, Doing::Working][which % 4];
                    if step == 2 {
                        table.seats.leave(plain.remove(at).0);
                    } else {
                        table.set(plain[at].0, doing, second);
                        (plain[at].1, plain[at].2) = (doing, second);
                        plain[at].4 |= doing == Doing::Receiving;
                    }
                }
                prop_assert_eq!(table.seats.count(), plain.len());
                for seat in &plain {
                    prop_assert!(table.seats.has_slot(seat.0));
                    prop_assert_eq!(table.seats.places[seat.0.place as usize].doing, seat.1);
                }
                prop_assert_eq!(table.seats.by_source.len(), {
                    let mut sources: Vec<u8> = plain.iter().map(|seat| seat.3).collect();
                    sources.sort_unstable();
                    sources.dedup();
                    sources.len()
                });
            }
        }
    }
}
