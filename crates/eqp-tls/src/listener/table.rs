//! The connection table: which connections hold a slot, and what each of them is doing. It does no I/O, and callers pass the time.
//!
//! Every operation takes constant time, regardless of the number of connections. [`eviction`] chooses the connection to close
//! when the table is full.

mod eviction;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::{Links, Queue};
use crate::Source;

/// Limits on the number of connections, on their waits, and on the memory for incomplete requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The maximum number of connections.
    pub(super) all: usize,
    /// The maximum number of connections of one source. A further connection replaces one of the same source.
    pub(super) per_source: usize,
    /// The maximum size of incomplete requests, all connections together.
    pub(super) partial_bytes: usize,
    /// The size above which an incomplete request uses more memory than an idle connection.
    pub(super) long_head: usize,
    /// The maximum size of such long requests, all connections together.
    pub(super) long_bytes: usize,
    /// The time limit for the handshake, and for the head of a request.
    pub(super) head: Duration,
    /// The time limit for the next request.
    pub(super) idle: Duration,
}

/// The activity of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Its first request is expected, or a request is incomplete.
    Requesting,
    /// It was answered, and its next request is expected.
    Idle,
    /// It waits for the response to a request without a valid credential.
    Answering,
    /// It has sent a valid credential, and its callback is arriving.
    Receiving,
    /// Its request is being processed, and must be answered.
    Processing,
}

/// The class of a connection, which determines the order of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// It has never sent a valid credential.
    Unauthenticated,
    /// It has sent one before, and waits.
    Authenticated,
    /// Its callback is arriving.
    Receiving,
}

/// Queues of connections, by activity and class.
const QUEUES: usize = 7;
const CLASSES: usize = 3;

/// A slot as one connection holds it. After an eviction, the slot can belong to another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId {
    slot: u32,
    generation: u32,
}

/// State shared by a connection and the table without the table's lock.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Wakes a connection that is to end.
    pub(super) wake: Notify,
    /// It has lost its slot and must end at once.
    pub(super) evicted: AtomicBool,
    /// A request is in progress.
    pub(super) in_request: AtomicBool,
    /// Its callback was received completely and is being stored.
    pub(super) stores: AtomicBool,
}

/// Every connection stores a callback, so none can be evicted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    bounds: Bounds,
    slots: Vec<Entry>,
    free: Vec<u32>,
    queues: [Queue; QUEUES],
    /// The number of connections that can be evicted, by class.
    waiting: [usize; CLASSES],
    /// The current size of incomplete requests, all connections together.
    partial_bytes: usize,
    /// Connections with a long head, in the order in which it became long.
    long_heads: Queue,
    /// The current size of their incomplete requests.
    long_bytes: usize,
    sources: Vec<SourceEntry>,
    free_sources: Vec<u32>,
    by_source: HashMap<Source, u32>,
}

#[derive(Debug)]
struct Entry {
    /// The number of connections that have had this slot before.
    generation: u32,
    activity: Activity,
    /// It has sent a valid credential.
    authenticated: bool,
    since: Instant,
    partial_bytes: usize,
    source: u32,
    signals: Arc<Signals>,
    in_queue: Links,
    in_source: Links,
    in_long_heads: Links,
}

/// The connections of one source.
#[derive(Debug)]
struct SourceEntry {
    source: Source,
    count: usize,
    /// Its connections by class, the one that has waited longest first.
    waiting: [Queue; CLASSES],
}

impl Entry {
    /// Returns the class, or `None` if the connection cannot be evicted.
    fn class(&self) -> Option<Class> {
        match self.activity {
            Activity::Processing => None,
            Activity::Receiving => Some(Class::Receiving),
            _ if self.authenticated => Some(Class::Authenticated),
            _ => Some(Class::Unauthenticated),
        }
    }
}

/// Returns the queue of connections with this activity.
fn queue(activity: Activity, authenticated: bool) -> usize {
    let of_class = if authenticated { 3 } else { 0 };
    match activity {
        Activity::Requesting => of_class,
        Activity::Idle => of_class + 1,
        Activity::Answering => of_class + 2,
        Activity::Receiving | Activity::Processing => QUEUES - 1,
    }
}

impl ConnectionTable {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            slots: Vec::new(),
            free: Vec::new(),
            queues: [Queue::default(); QUEUES],
            waiting: [0; CLASSES],
            partial_bytes: 0,
            long_heads: Queue::default(),
            long_bytes: 0,
            sources: Vec::new(),
            free_sources: Vec::new(),
            by_source: HashMap::new(),
        }
    }

    /// Returns how many connections hold a slot.
    pub(super) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns whether a new connection would get a slot, if need be by an eviction.
    pub(super) fn has_capacity(&mut self) -> bool {
        self.count() < self.bounds.all || self.victim().is_some()
    }

    /// Assigns a slot to a new connection. Returns it, and how many others were evicted for it.
    pub(super) fn take(
        &mut self,
        source: Source,
        signals: Arc<Signals>,
        now: Instant,
    ) -> Result<(SlotId, usize), Full> {
        let mut evicted = 0;
        if let Some(source_entry) = self.by_source.get(&source).copied()
            && self.sources[source_entry as usize].count >= self.bounds.per_source
            && let Some(longest) = self.victim_of(source_entry)
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
        let source_entry = self.by_source.get(&source).copied().unwrap_or_else(|| self.new_source(source));
        self.sources[source_entry as usize].count += 1;
        let mut entry = Entry {
            generation: 0,
            activity: Activity::Requesting,
            authenticated: false,
            since: now,
            partial_bytes: 0,
            source: source_entry,
            signals,
            in_queue: Links::default(),
            in_source: Links::default(),
            in_long_heads: Links::default(),
        };
        let slot = if let Some(slot) = self.free.pop() {
            entry.generation = self.slots[slot as usize].generation;
            self.slots[slot as usize] = entry;
            slot
        } else {
            self.slots.push(entry);
            u32::try_from(self.slots.len() - 1).map_err(|_| Full)?
        };
        self.enqueue(slot);
        Ok((SlotId { slot, generation: self.slots[slot as usize].generation }, evicted))
    }

    /// Sets the activity of a connection. Returns false if it has lost its slot.
    pub(super) fn set(&mut self, id: SlotId, activity: Activity, now: Instant) -> bool {
        if !self.has_slot(id) {
            return false;
        }
        self.dequeue(id.slot);
        let entry = &mut self.slots[id.slot as usize];
        entry.authenticated |= activity == Activity::Receiving;
        (entry.activity, entry.since) = (activity, now);
        self.count_partial(id.slot, 0);
        self.enqueue(id.slot);
        true
    }

    /// Frees the slot of a connection that has ended or is closing.
    pub(super) fn leave(&mut self, id: SlotId) {
        if self.has_slot(id) {
            self.release(id.slot);
        }
    }

    /// Wakes all connections. Those with a request in progress finish it first.
    pub(super) fn wake_all(&self) {
        for entry in &self.slots {
            entry.signals.wake.notify_one();
        }
    }

    fn has_slot(&self, id: SlotId) -> bool {
        self.slots[id.slot as usize].generation == id.generation
    }

    fn waited(&self, slot: u32, now: Instant) -> Duration {
        now.saturating_duration_since(self.slots[slot as usize].since)
    }

    fn release(&mut self, slot: u32) {
        self.dequeue(slot);
        self.free.push(slot);
        let entry = &mut self.slots[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        let source_entry = entry.source;
        self.count_partial(slot, 0);
        let source = &mut self.sources[source_entry as usize];
        source.count -= 1;
        if source.count == 0 {
            self.by_source.remove(&source.source);
            self.free_sources.push(source_entry);
        }
    }

    fn new_source(&mut self, source: Source) -> u32 {
        let source_entry = SourceEntry { source, count: 0, waiting: [Queue::default(); CLASSES] };
        let at = if let Some(at) = self.free_sources.pop() {
            self.sources[at as usize] = source_entry;
            at
        } else {
            self.sources.push(source_entry);
            u32::try_from(self.sources.len() - 1).expect("there are never more sources than slots")
        };
        self.by_source.insert(source, at);
        at
    }

    fn enqueue(&mut self, slot: u32) {
        let entry = &self.slots[slot as usize];
        let (Some(class), source) = (entry.class(), entry.source as usize) else { return };
        let queue = &mut self.queues[queue(entry.activity, entry.authenticated)];
        queue.push(&mut self.slots, |entry| &mut entry.in_queue, slot);
        self.sources[source].waiting[class as usize].push(&mut self.slots, |entry| &mut entry.in_source, slot);
        self.waiting[class as usize] += 1;
    }

    fn dequeue(&mut self, slot: u32) {
        let entry = &self.slots[slot as usize];
        let (Some(class), source) = (entry.class(), entry.source as usize) else { return };
        let queue = &mut self.queues[queue(entry.activity, entry.authenticated)];
        queue.remove(&mut self.slots, |entry| &mut entry.in_queue, slot);
        self.sources[source].waiting[class as usize].remove(&mut self.slots, |entry| &mut entry.in_source, slot);
        self.waiting[class as usize] -= 1;
    }
}
