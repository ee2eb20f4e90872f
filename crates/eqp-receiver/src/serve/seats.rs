//! Who holds a connection, what it is doing, and who goes when there are too many. No I/O, and no clock of its own.
//!
//! Whoever waits (in the handshake, with half a request, between two requests) can be asked to go; whoever has a
//! request at work cannot. When there is no room, the one that has waited longest goes, so that the newest always gets
//! in: refusing it would let whoever holds connections idle lock everybody else out. Every step takes the same time,
//! however many there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::{Neighbours, Queue};
use crate::source::Source;

/// How many connections there may be, and how long each may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of all.
    pub(super) all: usize,
    /// Of one source: one that has more loses its own longest waiting connection for each new one.
    pub(super) per_source: usize,
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
    /// A request is at work.
    Working,
    /// It was asked to go.
    Going,
}

/// A place in the table.
pub(super) type SeatId = u32;

/// Wakes a connection that is asked to go.
pub(super) type Call = Arc<Notify>;

/// There is no room, and nobody waits who could go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    bounds: Bounds,
    places: Vec<Seat>,
    free: Vec<SeatId>,
    beginning: Queue,
    idle: Queue,
    sources: Vec<Held>,
    free_sources: Vec<u32>,
    by_source: HashMap<Source, u32>,
}

#[derive(Debug)]
struct Seat {
    doing: Doing,
    since: Instant,
    source: u32,
    call: Call,
    in_state: Neighbours,
    in_source: Neighbours,
}

/// What one source holds.
#[derive(Debug)]
struct Held {
    source: Source,
    count: usize,
    /// Its connections that wait, the longest first.
    waiting: Queue,
}

impl Seats {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            places: Vec::new(),
            free: Vec::new(),
            beginning: Queue::default(),
            idle: Queue::default(),
            sources: Vec::new(),
            free_sources: Vec::new(),
            by_source: HashMap::new(),
        }
    }

    /// How many there are, with those that were asked to go and have not gone yet.
    pub(super) fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Gives a new connection a seat; who has to go for it is called, and how many that are is answered too.
    pub(super) fn take(&mut self, source: Source, call: Call, now: Instant) -> Result<(SeatId, usize), Full> {
        let held = self.by_source.get(&source).copied();
        let mut gone = 0;
        if let Some(held) = held
            && self.sources[held as usize].count >= self.bounds.per_source
            && let Some(longest) = self.sources[held as usize].waiting.first()
        {
            self.ask_to_go(longest);
            gone += 1;
        }
        if self.count() - gone >= self.bounds.all {
            match self.longest_waiting() {
                Some(longest) => {
                    self.ask_to_go(longest);
                    gone += 1;
                }
                None if gone == 0 => return Err(Full),
                None => {}
            }
        }
        // Those that were asked to go may take a moment; they cannot be waited for, and not be too many either.
        if self.count() >= self.bounds.all + self.bounds.all.div_ceil(8) {
            return Err(Full);
        }
        let held = held.unwrap_or_else(|| self.new_source(source));
        self.sources[held as usize].count += 1;
        let seat = Seat {
            doing: Doing::Beginning,
            since: now,
            source: held,
            call,
            in_state: Neighbours::default(),
            in_source: Neighbours::default(),
        };
        let id = if let Some(id) = self.free.pop() {
            self.places[id as usize] = seat;
            id
        } else {
            self.places.push(seat);
            u32::try_from(self.places.len() - 1).map_err(|_| Full)?
        };
        self.enqueue(id);
        Ok((id, gone))
    }

    /// Says what a connection is doing from now on. One that was asked to go stays so.
    pub(super) fn set(&mut self, id: SeatId, doing: Doing, now: Instant) {
        if self.places[id as usize].doing == Doing::Going {
            return;
        }
        self.dequeue(id);
        let seat = &mut self.places[id as usize];
        (seat.doing, seat.since) = (doing, now);
        self.enqueue(id);
    }

    /// What a connection is doing.
    pub(super) fn doing(&self, id: SeatId) -> Doing {
        self.places[id as usize].doing
    }

    /// Frees a seat.
    pub(super) fn leave(&mut self, id: SeatId) {
        self.dequeue(id);
        self.free.push(id);
        let held = self.places[id as usize].source;
        let source = &mut self.sources[held as usize];
        source.count -= 1;
        if source.count == 0 {
            self.by_source.remove(&source.source);
            self.free_sources.push(held);
        }
    }

    /// Asks everybody to go who has waited too long; answers how many.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        let mut gone = 0;
        while let Some(id) = self.beginning.first().filter(|id| self.waited(*id, now) >= self.bounds.head) {
            self.ask_to_go(id);
            gone += 1;
        }
        while let Some(id) = self.idle.first().filter(|id| self.waited(*id, now) >= self.bounds.idle) {
            self.ask_to_go(id);
            gone += 1;
        }
        gone
    }

    /// Asks the one that has waited longest to go; false when nobody waits.
    pub(super) fn make_room(&mut self) -> bool {
        let longest = self.longest_waiting();
        if let Some(longest) = longest {
            self.ask_to_go(longest);
        }
        longest.is_some()
    }

    /// Calls everybody, also those that are at work, who then go when that is done.
    pub(super) fn call_all(&self) {
        for seat in &self.places {
            seat.call.notify_one();
        }
    }

    fn waited(&self, id: SeatId, now: Instant) -> Duration {
        now.saturating_duration_since(self.places[id as usize].since)
    }

    fn longest_waiting(&self) -> Option<SeatId> {
        let candidates = [self.beginning.first(), self.idle.first()];
        candidates.into_iter().flatten().min_by_key(|id| self.places[*id as usize].since)
    }

    fn ask_to_go(&mut self, id: SeatId) {
        self.dequeue(id);
        let seat = &mut self.places[id as usize];
        seat.doing = Doing::Going;
        seat.call.notify_one();
    }

    fn new_source(&mut self, source: Source) -> u32 {
        let held = Held { source, count: 0, waiting: Queue::default() };
        let at = if let Some(at) = self.free_sources.pop() {
            self.sources[at as usize] = held;
            at
        } else {
            self.sources.push(held);
            // There are never more sources than seats.
            u32::try_from(self.sources.len() - 1).unwrap_or_default()
        };
        self.by_source.insert(source, at);
        at
    }

    fn enqueue(&mut self, id: SeatId) {
        let Seat { doing, source, .. } = self.places[id as usize];
        match doing {
            Doing::Beginning => self.beginning.push(&mut self.places, |seat| &mut seat.in_state, id),
            Doing::Idle => self.idle.push(&mut self.places, |seat| &mut seat.in_state, id),
            Doing::Working | Doing::Going => return,
        }
        self.sources[source as usize].waiting.push(&mut self.places, |seat| &mut seat.in_source, id);
    }

    fn dequeue(&mut self, id: SeatId) {
        let Seat { doing, source, .. } = self.places[id as usize];
        match doing {
            Doing::Beginning => self.beginning.remove(&mut self.places, |seat| &mut seat.in_state, id),
            Doing::Idle => self.idle.remove(&mut self.places, |seat| &mut seat.in_state, id),
            Doing::Working | Doing::Going => return,
        }
        self.sources[source as usize].waiting.remove(&mut self.places, |seat| &mut seat.in_source, id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds =
        Bounds { all: 8, per_source: 6, head: Duration::from_secs(10), idle: Duration::from_mins(1) };

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

        fn take(&mut self, from: u8, second: u64) -> Result<SeatId, Full> {
            let now = self.at(second);
            self.seats.take(source(from), Call::default(), now).map(|(id, _)| id)
        }

        fn going(&self) -> Vec<SeatId> {
            (0..8).filter(|id| (*id as usize) < self.seats.places.len()).filter(|id| self.is_going(*id)).collect()
        }

        fn is_going(&self, id: SeatId) -> bool {
            self.seats.doing(id) == Doing::Going
        }
    }

    #[test]
    fn the_newest_gets_in_and_the_one_that_waited_longest_goes() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..8).map(|n| table.take(n, u64::from(n)).unwrap()).collect();
        table.seats.set(ids[0], Doing::Working, table.at(10));
        table.seats.set(ids[1], Doing::Idle, table.at(20));
        table.take(9, 30).unwrap();
        assert_eq!(table.going(), [ids[2]], "not the one at work, and not the one that was answered just now");
    }

    #[test]
    fn where_all_are_at_work_the_newest_is_refused() {
        let mut table = Table::new();
        for number in 0..8 {
            let id = table.take(number, 0).unwrap();
            table.seats.set(id, Doing::Working, table.at(1));
        }
        assert_eq!(table.take(9, 2), Err(Full));
    }

    #[test]
    fn a_source_over_its_share_loses_its_own_and_nobody_elses() {
        let mut table = Table::new();
        let other = table.take(1, 0).unwrap();
        let theirs: Vec<_> = (0..6).map(|n| table.take(2, 1 + n).unwrap()).collect();
        table.take(2, 20).unwrap();
        assert_eq!(table.going(), [theirs[0]]);
        assert!(!table.is_going(other), "though it has waited longer");
    }

    #[test]
    fn whoever_waits_too_long_goes() {
        let mut table = Table::new();
        let (slow, idle, working) = (table.take(1, 0).unwrap(), table.take(1, 0).unwrap(), table.take(1, 0).unwrap());
        table.seats.set(idle, Doing::Idle, table.at(0));
        table.seats.set(working, Doing::Working, table.at(0));
        let gone = [9, 10, 59, 60, 1000].map(|second| {
            let now = table.at(second);
            table.seats.expire(now)
        });
        assert_eq!(gone, [0, 1, 0, 1, 0]);
        assert!(table.is_going(slow) && table.is_going(idle) && !table.is_going(working));
    }

    #[test]
    fn those_that_do_not_go_though_asked_to_are_bounded() {
        let mut table = Table::new();
        let taken = (0..100).filter(|second| table.take(1, *second).is_ok()).count();
        assert_eq!((taken, table.seats.count()), (9, 9));
    }

    proptest! {
        /// Against a plain list that is searched from end to end.
        #[test]
        fn the_one_that_goes_is_always_the_one_that_waited_longest(
            steps in prop::collection::vec((0_u8..4, 0_usize..8), 1..300)
        ) {
            let mut table = Table::new();
            // Seat, what it does, since when, source.
            let mut plain: Vec<(SeatId, Doing, u64, u8)> = Vec::new();
            for (second, (step, which)) in (1_u64..).zip(steps) {
                let now = table.at(second);
                if step == 0 || plain.is_empty() {
                    let from = u8::try_from(which % 3).unwrap();
                    let waits = |seat: &&mut (SeatId, Doing, u64, u8)| matches!(seat.1, Doing::Beginning | Doing::Idle);
                    let of_source = plain.iter().filter(|seat| seat.3 == from).count();
                    let mut goes = 0;
                    if of_source >= BOUNDS.per_source
                        && let Some(longest) = plain.iter_mut().filter(waits).filter(|s| s.3 == from).min_by_key(|s| s.2)
                    {
                        longest.1 = Doing::Going;
                        goes += 1;
                    }
                    if plain.len() - goes >= BOUNDS.all
                        && let Some(longest) = plain.iter_mut().filter(waits).min_by_key(|seat| seat.2)
                    {
                        longest.1 = Doing::Going;
                        goes += 1;
                    }
                    match table.seats.take(source(from), Call::default(), now) {
                        Ok((id, gone)) => {
                            prop_assert_eq!(gone, goes);
                            plain.push((id, Doing::Beginning, second, from));
                        }
                        Err(Full) => prop_assert!(plain.len() >= BOUNDS.all),
                    }
                } else {
                    let at = which % plain.len();
                    let doing = [Doing::Beginning, Doing::Idle, Doing::Working][which % 3];
                    if step == 1 || plain[at].1 == Doing::Going {
                        table.seats.leave(plain.remove(at).0);
                    } else {
                        table.seats.set(plain[at].0, doing, now);
                        (plain[at].1, plain[at].2) = (doing, second);
                    }
                }
                prop_assert_eq!(table.seats.count(), plain.len());
                for seat in &plain {
                    prop_assert_eq!(table.seats.doing(seat.0), seat.1);
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
