//! The connection table behind its lock, and the slot that each connection holds.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::table::{Activity, Bounds, ConnectionTable, Signals, SlotId};
use super::{Closed, Events};

/// All connections of a listener.
pub(super) struct SharedTable {
    table: Mutex<ConnectionTable>,
    /// A new connection waits for a slot.
    is_full: AtomicBool,
    freed: Notify,
    closing: Mutex<Lingering>,
    events: Box<dyn Events>,
}

/// Connections in their lingering close, which hold no slot. The oldest comes first.
struct Lingering {
    capacity: usize,
    next: u64,
    connections: VecDeque<(u64, Arc<Notify>)>,
}

/// The slot of one connection, freed when this is dropped.
pub(super) struct ConnectionSlot {
    table: Arc<SharedTable>,
    id: SlotId,
    signals: Arc<Signals>,
    /// Bytes received since the last wait for the peer.
    unread_bytes: AtomicUsize,
    /// The socket, after it has been shut down and everything else of the connection has been dropped.
    shut_down: Mutex<Option<TcpStream>>,
}

/// A request in progress. It ends when this is dropped.
pub(super) struct RequestGuard(Arc<ConnectionSlot>);

/// A connection in its lingering close.
pub(super) struct LingerGuard {
    table: Arc<SharedTable>,
    number: u64,
    cut: Arc<Notify>,
}

impl SharedTable {
    /// Creates a table. At most `closing` connections may be in their lingering close.
    pub(super) fn new(bounds: Bounds, closing: usize, events: Box<dyn Events>) -> Arc<Self> {
        let closing = Lingering { capacity: closing, next: 0, connections: VecDeque::new() };
        Arc::new(Self {
            table: Mutex::new(ConnectionTable::new(bounds)),
            is_full: AtomicBool::new(false),
            freed: Notify::new(),
            closing: Mutex::new(closing),
            events,
        })
    }

    /// Returns the observer of the connections.
    pub(super) fn events(&self) -> &dyn Events {
        &*self.events
    }

    /// Returns whether a new connection would get a slot. If not, wait for [`is_freed`](Self::is_freed) and check
    /// again.
    pub(super) fn has_capacity(&self) -> bool {
        let mut table = self.table();
        let has_capacity = table.has_capacity();
        self.is_full.store(!has_capacity, Ordering::Relaxed);
        has_capacity
    }

    /// Waits until a slot may be free.
    pub(super) async fn is_freed(&self) {
        self.freed.notified().await;
    }

    /// Assigns a slot to a new connection. Returns it, and whether others were evicted for it. Returns `None` if every connection
    /// stores a callback.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<(Arc<ConnectionSlot>, bool)> {
        let signals = Arc::<Signals>::default();
        let (taken, count) = {
            let mut table = self.table();
            (table.take(peer.into(), Arc::clone(&signals), Instant::now()), table.count())
        };
        let (id, evicted) = taken.ok()?;
        self.events.closed(Closed::Evicted, evicted);
        self.events.open(count);
        let table = Arc::clone(self);
        let slot =
            ConnectionSlot { table, id, signals, unread_bytes: AtomicUsize::new(0), shut_down: Mutex::new(None) };
        Some((Arc::new(slot), evicted > 0))
    }

    /// Evicts all connections that have exceeded their time limit.
    pub(super) fn sweep(&self) {
        let expired = self.table().expire(Instant::now());
        self.events.closed(Closed::TooSlow, expired);
    }

    /// Evicts some connections that have waited longest, because the process is out of file descriptors.
    pub(super) fn shed(&self) {
        let evicted = self.table().shed();
        self.events.closed(Closed::Evicted, evicted);
    }

    /// Requests all connections to end. Those with a request in progress finish it first.
    pub(super) fn close(&self) {
        self.table().wake_all();
    }

    /// Registers a lingering close. If there are too many, the oldest of them is cut off.
    pub(super) fn closes(self: &Arc<Self>) -> LingerGuard {
        let cut = Arc::new(Notify::new());
        let mut closing = self.closing();
        if closing.connections.len() >= closing.capacity
            && let Some((_, oldest)) = closing.connections.pop_front()
        {
            oldest.notify_one();
        }
        let number = closing.next;
        closing.next += 1;
        closing.connections.push_back((number, Arc::clone(&cut)));
        LingerGuard { table: Arc::clone(self), number, cut }
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        // No code under the lock can panic halfway, so a poisoned lock is still consistent.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Lingering> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_be_freed(&self) {
        if self.is_full.load(Ordering::Relaxed) {
            self.freed.notify_one();
        }
    }
}

impl ConnectionSlot {
    /// Waits until the connection has to end.
    pub(super) async fn is_woken(&self) {
        self.signals.wake.notified().await;
    }

    /// Returns whether the connection has lost its slot and must end at once.
    pub(super) fn is_evicted(&self) -> bool {
        self.signals.evicted.load(Ordering::Relaxed)
    }

    /// Ends the connection at once.
    pub(super) fn end(&self) {
        self.signals.evicted.store(true, Ordering::Relaxed);
        self.signals.wake.notify_one();
    }

    /// Returns whether a request is in progress.
    pub(super) fn is_in_request(&self) -> bool {
        self.signals.in_request.load(Ordering::Relaxed)
    }

    /// Begins a request. Its connection can still be evicted.
    pub(super) fn begin(self: &Arc<Self>) -> RequestGuard {
        self.signals.in_request.store(true, Ordering::Relaxed);
        RequestGuard(Arc::clone(self))
    }

    /// Records that the request has a valid credential and its body is arriving. Returns false if the slot is lost.
    pub(super) fn receives(&self) -> bool {
        self.set(Activity::Receiving)
    }

    /// Records that the request is being stored. The connection cannot be evicted before it is answered.
    pub(super) fn stores(&self) {
        self.signals.stores.store(true, Ordering::Relaxed);
    }

    /// Records that the request must be answered. The connection cannot be evicted before. Returns false if the slot is lost.
    pub(super) fn processes(&self) -> bool {
        self.set(Activity::Processing)
    }

    /// Counts bytes that were received.
    pub(super) fn count_bytes(&self, bytes: usize) {
        self.unread_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Called when no more bytes are available. Bytes received outside a request belong to an incomplete one.
    pub(super) fn waits_for_bytes(&self) {
        if self.is_in_request() {
            return;
        }
        let unread_bytes = self.unread_bytes.swap(0, Ordering::Relaxed);
        if unread_bytes > 0 {
            let evicted = self.table.table().partly_sent(self.id, unread_bytes, Instant::now());
            self.table.events.closed(Closed::Evicted, evicted);
        }
    }

    /// Reports a failed TLS handshake.
    pub(super) fn handshake_failed(&self) {
        self.table.events.closed(Closed::Handshake, 1);
    }

    /// Stores the socket after its shutdown, for the lingering close when the rest of the connection has been dropped.
    pub(super) fn leave_socket(&self, socket: TcpStream) {
        *self.shut_down.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }

    /// Frees the slot. Returns the stored socket with a guard for the lingering close.
    pub(super) fn closes(self: Arc<Self>) -> Option<(TcpStream, LingerGuard)> {
        let socket = self.shut_down.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((socket, self.table.closes()))
    }

    fn set(&self, activity: Activity) -> bool {
        let has_slot = self.table.table().set(self.id, activity, Instant::now());
        self.table.may_be_freed();
        has_slot
    }
}

impl LingerGuard {
    /// Waits until the lingering close is cut off in favour of newer ones.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let slot = &self.0;
        // The bytes so far belonged to this request.
        slot.unread_bytes.store(0, Ordering::Relaxed);
        slot.signals.in_request.store(false, Ordering::Relaxed);
        slot.signals.stores.store(false, Ordering::Relaxed);
        slot.set(Activity::Idle);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let count = {
            let mut table = self.table.table();
            table.leave(self.id);
            table.count()
        };
        self.table.may_be_freed();
        self.table.events.open(count);
    }
}

impl Drop for LingerGuard {
    fn drop(&mut self) {
        let mut closing = self.table.closing();
        if let Ok(at) = closing.connections.binary_search_by_key(&self.number, |(number, _)| *number) {
            closing.connections.remove(at);
        }
    }
}
