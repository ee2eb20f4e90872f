//! The slots of a listener, shared by its connections.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::seats::{Bounds, Doing, SeatId, Seats, Signals};
use crate::Metrics;
use crate::metrics::Closed;

/// All connections of a listener.
pub(super) struct Room {
    seats: Mutex<Seats>,
    /// A new connection waits for a slot.
    is_full: AtomicBool,
    freed: Notify,
    closing: Mutex<Closing>,
    metrics: Metrics,
}

/// Connections that have had their last answer and no slot any more, the oldest first.
struct Closing {
    capacity: usize,
    next: u64,
    connections: VecDeque<(u64, Arc<Notify>)>,
}

/// The slot of one connection, freed when this is dropped.
pub(super) struct Seat {
    room: Arc<Room>,
    id: SeatId,
    signals: Arc<Signals>,
    /// Bytes that have come since the peer was last waited for.
    came: AtomicUsize,
    /// The socket, once it has been shut down and nothing else of the connection is left.
    shut_down: Mutex<Option<TcpStream>>,
}

/// While it lives, a request is at work on its connection.
pub(super) struct Work(Arc<Seat>);

/// A connection that is closing.
pub(super) struct ClosingSlot {
    room: Arc<Room>,
    number: u64,
    cut: Arc<Notify>,
}

impl Room {
    /// At most `closing` connections are still read from after their last answer.
    pub(super) fn new(bounds: Bounds, closing: usize, metrics: Metrics) -> Arc<Self> {
        let closing = Closing { capacity: closing, next: 0, connections: VecDeque::new() };
        Arc::new(Self {
            seats: Mutex::new(Seats::new(bounds)),
            is_full: AtomicBool::new(false),
            freed: Notify::new(),
            closing: Mutex::new(closing),
            metrics,
        })
    }

    /// Whether a new connection would get a slot. Where none would, [`is_freed`](Self::is_freed) tells when to ask again.
    pub(super) fn has_room(&self) -> bool {
        let mut seats = self.seats();
        let has_room = seats.has_room();
        self.is_full.store(!has_room, Ordering::Relaxed);
        has_room
    }

    pub(super) async fn is_freed(&self) {
        self.freed.notified().await;
    }

    /// A slot for a new connection, and whether others were evicted for it; none where every connection stores a
    /// callback.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<(Arc<Seat>, bool)> {
        let signals = Arc::<Signals>::default();
        let (taken, count) = {
            let mut seats = self.seats();
            (seats.take(peer.into(), Arc::clone(&signals), Instant::now()), seats.count())
        };
        let (id, evicted) = taken.ok()?;
        self.metrics.closed(Closed::ForRoom, evicted);
        self.metrics.connections(count);
        let room = Arc::clone(self);
        let seat = Seat { room, id, signals, came: AtomicUsize::new(0), shut_down: Mutex::new(None) };
        Some((Arc::new(seat), evicted > 0))
    }

    /// Evicts all that have waited too long for the peer.
    pub(super) fn sweep(&self) {
        let expired = self.seats().expire(Instant::now());
        self.metrics.closed(Closed::TooSlow, expired);
    }

    /// Evicts some that have waited longest, because the system lets no more in.
    pub(super) fn make_room(&self) {
        let evicted = self.seats().make_room();
        self.metrics.closed(Closed::ForRoom, evicted);
    }

    /// Asks everybody to go, at work or not.
    pub(super) fn close(&self) {
        self.seats().call_all();
    }

    /// Counts a connection that is closing. Where there are too many, the oldest of them is cut.
    pub(super) fn closes(self: &Arc<Self>) -> ClosingSlot {
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
        ClosingSlot { room: Arc::clone(self), number, cut }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing under the lock can stop halfway.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Closing> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_be_freed(&self) {
        if self.is_full.load(Ordering::Relaxed) {
            self.freed.notify_one();
        }
    }
}

impl Seat {
    /// Waits until the connection is to end.
    pub(super) async fn is_called(&self) {
        self.signals.call.notified().await;
    }

    /// Whether it has lost its slot, and is to end at once.
    pub(super) fn is_evicted(&self) -> bool {
        self.signals.evicted.load(Ordering::Relaxed)
    }

    /// A request has been read and is not answered.
    pub(super) fn is_in_request(&self) -> bool {
        self.signals.in_request.load(Ordering::Relaxed)
    }

    /// Begins a request; it holds its slot until others need it.
    pub(super) fn begin(self: &Arc<Self>) -> Work {
        self.signals.in_request.store(true, Ordering::Relaxed);
        Work(Arc::clone(self))
    }

    /// The request has shown a valid credential, and its body is arriving; false where it has lost its slot.
    pub(super) fn receives(&self) -> bool {
        self.set(Doing::Receiving)
    }

    /// The body has arrived whole, and is being stored: the connection keeps its slot.
    pub(super) fn stores(&self) {
        self.signals.stores.store(true, Ordering::Relaxed);
    }

    /// The request must be answered: the connection keeps its slot. False where it has lost it.
    pub(super) fn works(&self) -> bool {
        self.set(Doing::Working)
    }

    /// Bytes have come in.
    pub(super) fn bytes_came(&self, bytes: usize) {
        self.came.fetch_add(bytes, Ordering::Relaxed);
    }

    /// No more bytes are there for now. If some had come and no request is at work, it is half a request.
    pub(super) fn waits_for_bytes(&self) {
        if self.is_in_request() {
            return;
        }
        let came = self.came.swap(0, Ordering::Relaxed);
        if came > 0 {
            let evicted = self.room.seats().partly_sent(self.id, came, Instant::now());
            self.room.metrics.closed(Closed::ForRoom, evicted);
        }
    }

    /// It failed in the handshake.
    pub(super) fn handshake_failed(&self) {
        self.room.metrics.closed(Closed::Handshake, 1);
    }

    /// Leaves the socket, which was shut down, for when nothing else of the connection is left.
    pub(super) fn leave_socket(&self, socket: TcpStream) {
        *self.shut_down.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }

    /// The socket that was left, with the room to close in; the slot is free.
    pub(super) fn closes(self: Arc<Self>) -> Option<(TcpStream, ClosingSlot)> {
        let socket = self.shut_down.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((socket, self.room.closes()))
    }

    fn set(&self, doing: Doing) -> bool {
        let has_slot = self.room.seats().set(self.id, doing, Instant::now());
        self.room.may_be_freed();
        has_slot
    }
}

impl ClosingSlot {
    /// Waits until it is cut, because others are closing too.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let seat = &self.0;
        // What has come so far belonged to this request.
        seat.came.store(0, Ordering::Relaxed);
        seat.signals.in_request.store(false, Ordering::Relaxed);
        seat.signals.stores.store(false, Ordering::Relaxed);
        seat.set(Doing::Idle);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let count = {
            let mut seats = self.room.seats();
            seats.leave(self.id);
            seats.count()
        };
        self.room.may_be_freed();
        self.room.metrics.connections(count);
    }
}

impl Drop for ClosingSlot {
    fn drop(&mut self) {
        let mut closing = self.room.closing();
        if let Ok(at) = closing.connections.binary_search_by_key(&self.number, |(number, _)| *number) {
            closing.connections.remove(at);
        }
    }
}
