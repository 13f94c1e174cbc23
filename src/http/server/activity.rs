//! The state of a connection and its times, written by its requests and read by its deadline timer.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::Deadlines;

/// How long a refused peer may go on sending, or a peer may take to close after an order: at least this long, and
/// no longer than to the next look.
const LINGER: Duration = Duration::from_secs(5);
/// How long the endpoint may take to drop a body that has timed out.
const GIVE_UP: Duration = Duration::from_secs(1);
/// In `upload`: the deadline has passed and the endpoint gets the error.
const EXPIRED: u64 = u64::MAX;

/// What a connection without an open request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    FirstByte,
    Head,
    NextRequest,
    Goodbye,
}

/// What the timer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again after this time.
    Keep(Duration),
    /// Nothing is in flight: close gracefully.
    Retire,
    /// Drop the connection.
    Cut,
}

/// Times are milliseconds since the connection was accepted, plus one: zero is "not at all".
///
/// All accesses are relaxed: with HTTP/1 one task does everything; with HTTP/2 a stale value costs one
/// look of the timer.
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    /// HTTP/2: bytes say nothing about heads, and requests overlap.
    multiplexed: bool,
    /// Requests whose response has not ended.
    open: AtomicU32,
    /// A [`Wait`] in the lowest two bits, its start in the others. Means nothing while `open` is not zero.
    wait: AtomicU64,
    /// Since when an HTTP/1 request's body is awaited, or [`EXPIRED`].
    upload: AtomicU64,
    /// Since when the peer accepts no byte.
    stalled: AtomicU64,
    /// HTTP/2 responses that hyper does not poll, since the peer gives no window.
    queued: AtomicU32,
    /// When `queued` last changed.
    queue_moved: AtomicU64,
    /// The endpoint did not want all of the last HTTP/1 body.
    unread: AtomicBool,
}

impl Activity {
    pub(super) fn new(accepted: Instant, multiplexed: bool) -> Self {
        Self {
            accepted,
            multiplexed,
            open: AtomicU32::new(0),
            wait: AtomicU64::new(packed(Wait::FirstByte, 1)),
            upload: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            queued: AtomicU32::new(0),
            queue_moved: AtomicU64::new(0),
            unread: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(moment().duration_since(self.accepted).as_millis()).unwrap_or(u64::MAX >> 2) + 1
    }

    fn wait_for(&self, what: Wait) {
        self.wait.store(packed(what, self.now()), Relaxed);
    }

    /// Bytes have arrived.
    pub(super) fn received(&self) {
        if self.multiplexed || self.open.load(Relaxed) > 0 {
            return;
        }
        if matches!(unpacked(self.wait.load(Relaxed)).0, Wait::FirstByte | Wait::NextRequest) {
            self.wait_for(Wait::Head);
        }
    }

    /// Bytes were to be written; `moved` unless the peer accepted none.
    pub(super) fn wrote(&self, moved: bool) {
        let stalled = self.stalled.load(Relaxed) != 0;
        if moved && stalled {
            self.stalled.store(0, Relaxed);
        } else if !moved && !stalled {
            self.stalled.store(self.now(), Relaxed);
        }
    }

    /// A response has a frame to send, or has been asked for its next. With HTTP/1 that the peer does not
    /// read shows in [`wrote`](Self::wrote).
    pub(super) fn queue(&self, waits: bool) {
        if self.multiplexed {
            self.queue_moved.store(self.now(), Relaxed);
            if waits {
                self.queued.fetch_add(1, Relaxed);
            } else {
                self.queued.fetch_sub(1, Relaxed);
            }
        }
    }

    /// A request's head is complete.
    pub(super) fn begin(&self) {
        self.unread.store(false, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    /// A request's response has ended, or its endpoint was dropped.
    pub(super) fn end(&self) {
        if self.open.fetch_sub(1, Relaxed) == 1 {
            self.wait_for(Wait::NextRequest);
        }
    }

    /// An HTTP/1 body is awaited; false when it has been for too long.
    pub(super) fn await_body(&self) -> bool {
        let upload = self.upload.load(Relaxed);
        if upload == 0 {
            self.upload.store(self.now(), Relaxed);
        }
        upload != EXPIRED
    }

    /// An HTTP/1 body is over; `unread` when the peer has yet to send bytes that are not read.
    pub(super) fn end_body(&self, unread: bool) {
        self.upload.store(0, Relaxed);
        self.unread.store(unread, Relaxed);
    }

    /// Our side is closed; true when the peer may still be sending, and must be heard out: a socket closed
    /// over unread bytes resets the connection, and the peer would lose the response that says why.
    pub(super) fn closing(&self) -> bool {
        let (wait, _) = unpacked(self.wait.load(Relaxed));
        let refused_head = wait == Wait::Head && self.open.load(Relaxed) == 0;
        let refused_body = wait != Wait::Goodbye && self.unread.load(Relaxed);
        self.wait_for(Wait::Goodbye);
        refused_head || refused_body
    }

    /// Hyper has the order to close when nothing is in flight.
    pub(super) fn retire(&self) {
        let (wait, _) = unpacked(self.wait.load(Relaxed));
        if self.open.load(Relaxed) == 0 && wait != Wait::Head {
            self.wait_for(Wait::Goodbye);
        }
    }

    /// Compares the state with the deadlines. `crowded`: idle connections are closed for others.
    pub(super) fn look(&self, deadlines: &Deadlines, crowded: bool) -> Verdict {
        let now = self.now();
        let mut next = deadlines.shortest();
        let mut over = |since: u64, limit: Duration| {
            let left = limit.saturating_sub(Duration::from_millis(now.saturating_sub(since)));
            next = if left.is_zero() { next } else { next.min(left) };
            left.is_zero()
        };
        let stalled = self.stalled.load(Relaxed);
        if stalled != 0 && over(stalled, deadlines.body) {
            return Verdict::Cut;
        }
        if self.queued.load(Relaxed) > 0 && over(self.queue_moved.load(Relaxed), deadlines.body) {
            return Verdict::Cut;
        }
        match self.upload.load(Relaxed) {
            0 => {}
            EXPIRED => return Verdict::Cut,
            since if over(since, deadlines.body) => {
                self.upload.store(EXPIRED, Relaxed);
                return Verdict::Keep(next.min(GIVE_UP));
            }
            _ => {}
        }
        if self.open.load(Relaxed) == 0 {
            let (wait, since) = unpacked(self.wait.load(Relaxed));
            let idle = if crowded { deadlines.idle.min(deadlines.header) } else { deadlines.idle };
            let (limit, verdict) = match wait {
                Wait::FirstByte => (deadlines.first_request, Verdict::Retire),
                Wait::Head => (deadlines.header, Verdict::Cut),
                Wait::NextRequest => (idle, Verdict::Retire),
                Wait::Goodbye => (deadlines.header.min(LINGER), Verdict::Cut),
            };
            if over(since, limit) {
                return verdict;
            }
        }
        Verdict::Keep(next)
    }
}

fn packed(wait: Wait, since: u64) -> u64 {
    since << 2 | wait as u64
}

fn unpacked(word: u64) -> (Wait, u64) {
    let wait = match word & 3 {
        0 => Wait::FirstByte,
        1 => Wait::Head,
        2 => Wait::NextRequest,
        _ => Wait::Goodbye,
    };
    (wait, word >> 2)
}

/// Now.
#[expect(clippy::disallowed_methods, reason = "a peer's patience is real time and enters no rule or record")]
pub(super) fn moment() -> Instant {
    Instant::now()
}
