//! The seats of a listener, shared by its connections.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::seats::{Bounds, Call, Doing, SeatId, Seats};
use crate::Metrics;
use crate::metrics::Closed;

/// All connections of a listener.
pub(super) struct Room {
    seats: Mutex<Seats>,
    metrics: Metrics,
}

/// The place of one connection, given back when it is dropped.
pub(super) struct Seat {
    room: Arc<Room>,
    id: SeatId,
    call: Call,
    /// Bytes have come since the last answer.
    bytes_came: AtomicBool,
}

/// While it lives, a request is at work on its connection.
pub(super) struct Work(Arc<Seat>);

impl Room {
    pub(super) fn new(bounds: Bounds, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { seats: Mutex::new(Seats::new(bounds)), metrics })
    }

    /// A seat for a new connection; none where everybody is at work.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Seat>> {
        let call = Call::default();
        let (taken, count) = {
            let mut seats = self.seats();
            (seats.take(peer.into(), Arc::clone(&call), Instant::now()), seats.count())
        };
        let Ok((id, gone)) = taken else {
            self.metrics.closed(Closed::Refused, 1);
            return None;
        };
        self.metrics.closed(Closed::ForRoom, gone);
        self.metrics.connections(count);
        Some(Arc::new(Seat { room: Arc::clone(self), id, call, bytes_came: AtomicBool::new(false) }))
    }

    /// Asks everybody to go who has waited too long.
    pub(super) fn sweep(&self) {
        let gone = self.seats().expire(Instant::now());
        self.metrics.closed(Closed::TooSlow, gone);
    }

    /// Asks the one that has waited longest to go, because the system lets no more in.
    pub(super) fn make_room(&self) {
        if self.seats().make_room() {
            self.metrics.closed(Closed::ForRoom, 1);
        }
    }

    /// Asks everybody to go, at work or not.
    pub(super) fn close(&self) {
        self.seats().call_all();
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing under the lock can stop halfway.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until the connection is asked to go.
    pub(super) async fn is_called(&self) {
        self.call.notified().await;
    }

    /// A request is at work.
    pub(super) fn is_working(&self) -> bool {
        self.room.seats().doing(self.id) == Doing::Working
    }

    /// Begins to work on a request.
    pub(super) fn work(self: &Arc<Self>) -> Work {
        self.set(Doing::Working);
        Work(Arc::clone(self))
    }

    /// Bytes have come in.
    pub(super) fn bytes_came(&self) {
        self.bytes_came.store(true, Ordering::Relaxed);
    }

    /// No more bytes are there for now. If some had come and no request is at work, it is half a request.
    pub(super) fn waits_for_bytes(&self) {
        if self.bytes_came.swap(false, Ordering::Relaxed) {
            let mut seats = self.room.seats();
            if seats.doing(self.id) == Doing::Idle {
                seats.set(self.id, Doing::Beginning, Instant::now());
            }
        }
    }

    /// It failed in the handshake.
    pub(super) fn handshake_failed(&self) {
        self.room.metrics.closed(Closed::Handshake, 1);
    }

    fn set(&self, doing: Doing) {
        self.room.seats().set(self.id, doing, Instant::now());
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What has come so far belonged to this request.
        self.0.bytes_came.store(false, Ordering::Relaxed);
        self.0.set(Doing::Idle);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let count = {
            let mut seats = self.room.seats();
            seats.leave(self.id);
            seats.count()
        };
        self.room.metrics.connections(count);
    }
}
