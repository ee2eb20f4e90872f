//! Chooses the connection to evict when the table is full.
//!
//! A connection whose callback is being stored is never evicted. Every other one can be, and its slot is free at once,
//! so that a new connection always gets one. If new connections were rejected, idle ones could block all senders. The
//! connection that has waited longest is evicted, in this order:
//!
//! 1. among those that have never sent a valid credential, while they hold half of the table or more;
//! 2. among those that have, and are not in the middle of a callback;
//! 3. among the first group again, even if they hold less than half of the table;
//! 4. among those whose callback has not arrived completely.
//!
//! In the first three groups, idle connections that were answered are evicted first, because others may have just completed
//! a handshake to send a request.
//!
//! A flood without a credential therefore evicts only its own connections, and one with a credential leaves half of the table
//! to others.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::{Activity, ConnectionTable, QUEUES, SlotId, queue};

impl ConnectionTable {
    /// Evicts an eighth of the connections that can be evicted, because the process is out of file descriptors. Returns how
    /// many.
    pub(in crate::listener) fn shed(&mut self) -> usize {
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

    /// Evicts all connections whose peer has exceeded its time. Returns how many.
    pub(in crate::listener) fn expire(&mut self, now: Instant) -> usize {
        let mut expired = 0;
        for authenticated in [false, true] {
            for (activity, longest) in [(Activity::Requesting, self.bounds.head), (Activity::Idle, self.bounds.idle)] {
                let queue = queue(activity, authenticated);
                while let Some(slot) = self.queues[queue].first().filter(|slot| self.waited(*slot, now) >= longest) {
                    if self.slots[slot as usize].signals.in_request.load(Ordering::Relaxed) {
                        // We are late, not the peer: its request is waiting for our response.
                        self.dequeue(slot);
                        self.slots[slot as usize].activity = Activity::Answering;
                        self.enqueue(slot);
                    } else {
                        self.evict(slot);
                        expired += 1;
                    }
                }
            }
        }
        expired
    }

    /// Counts bytes of an incomplete request. Returns how many connections were evicted because all of them together have
    /// sent too many.
    pub(in crate::listener) fn partly_sent(&mut self, id: SlotId, bytes: usize, now: Instant) -> usize {
        if !self.has_slot(id) {
            return 0;
        }
        if self.slots[id.slot as usize].activity == Activity::Idle {
            self.set(id, Activity::Requesting, now);
        }
        self.count_partial(id.slot, self.slots[id.slot as usize].partial_bytes + bytes);
        let mut evicted = 0;
        // Connections with short heads use no more memory than idle ones, so they are not evicted for others.
        while self.long_bytes > self.bounds.long_bytes
            && let Some(longest) = self.long_heads.first()
        {
            self.evict(longest);
            evicted += 1;
        }
        while self.partial_bytes > self.bounds.partial_bytes {
            let requesting = [queue(Activity::Requesting, false), queue(Activity::Requesting, true)];
            let Some(longest) = requesting.into_iter().find_map(|queue| self.queues[queue].first()) else { break };
            self.evict(longest);
            evicted += 1;
        }
        evicted
    }

    /// Returns the connection to evict for a new one.
    pub(super) fn victim(&mut self) -> Option<u32> {
        let [unauthenticated, authenticated, receiving] = self.waiting;
        let longest = |authenticated| {
            let first = |activity| self.queues[queue(activity, authenticated)].first();
            let busy = [first(Activity::Requesting), first(Activity::Answering)].into_iter().flatten();
            first(Activity::Idle).or_else(|| busy.min_by_key(|slot| self.slots[*slot as usize].since))
        };
        if unauthenticated > 0 && (authenticated == 0 || unauthenticated >= self.bounds.all / 2) {
            return longest(false);
        }
        if authenticated > 0 {
            return longest(true);
        }
        if receiving > 0 { self.still_receiving(|table| table.queues[QUEUES - 1].first()) } else { None }
    }

    /// Returns the connection of a source to evict for another one of it.
    pub(super) fn victim_of(&mut self, source_entry: u32) -> Option<u32> {
        let [unauthenticated, authenticated, _] = self.sources[source_entry as usize].waiting;
        let waiting = unauthenticated.first().or(authenticated.first());
        waiting.or_else(|| self.still_receiving(|table| table.sources[source_entry as usize].waiting[2].first()))
    }

    /// Returns the first connection whose callback is still arriving.
    fn still_receiving(&mut self, first: impl Fn(&Self) -> Option<u32>) -> Option<u32> {
        loop {
            let slot = first(self)?;
            if !self.slots[slot as usize].signals.stores.load(Ordering::Relaxed) {
                return Some(slot);
            }
            self.dequeue(slot);
            self.slots[slot as usize].activity = Activity::Processing;
        }
    }

    pub(super) fn evict(&mut self, slot: u32) {
        let signals = &self.slots[slot as usize].signals;
        signals.evicted.store(true, Ordering::Relaxed);
        signals.wake.notify_one();
        self.release(slot);
    }

    /// Counts what a connection has sent of an incomplete request.
    pub(super) fn count_partial(&mut self, slot: u32, bytes: usize) {
        let before = std::mem::replace(&mut self.slots[slot as usize].partial_bytes, bytes);
        self.partial_bytes = self.partial_bytes - before + bytes;
        let is_long = |bytes| bytes > self.bounds.long_head;
        let long = |bytes| if is_long(bytes) { bytes } else { 0 };
        self.long_bytes = self.long_bytes - long(before) + long(bytes);
        match (is_long(before), is_long(bytes)) {
            (false, true) => self.long_heads.push(&mut self.slots, |entry| &mut entry.in_long_heads, slot),
            (true, false) => self.long_heads.remove(&mut self.slots, |entry| &mut entry.in_long_heads, slot),
            (false, false) | (true, true) => {}
        }
    }
}
