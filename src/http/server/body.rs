//! Bodies in both directions, wrapped to report to the connection's deadlines.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::connection::Link;

/// A request's body. It fails with [`io::ErrorKind::TimedOut`] when its deadline passes.
pub(super) struct Upload {
    incoming: Incoming,
    clock: Clock,
    ended: bool,
}

/// An HTTP/1 connection has one upload at a time, and its own timer looks after it: almost every body
/// makes its endpoint wait once, for the turn in which hyper hands it over, and that shall not cost a
/// timer. HTTP/2 streams wait each for itself.
pub(super) enum Clock {
    Connection(Arc<Link>),
    Stream { limit: Duration, timer: Option<Pin<Box<Sleep>>> },
}

impl Clock {
    /// Ready when the deadline has passed.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Connection(link) if link.activity.await_body() => Poll::Pending,
            Self::Connection(_) => Poll::Ready(()),
            Self::Stream { limit, timer } => {
                timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit))).as_mut().poll(cx)
            }
        }
    }

    fn stop(&mut self, unread: bool) {
        match self {
            Self::Connection(link) => link.activity.end_body(unread),
            Self::Stream { timer, .. } => *timer = None,
        }
    }
}

impl Upload {
    pub(super) fn new(incoming: Incoming, clock: Clock) -> Self {
        Self { incoming, clock, ended: false }
    }

    fn end(&mut self, unread: bool) {
        if !self.ended {
            self.ended = true;
            self.clock.stop(unread);
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.clock.poll_over(cx));
            // The peer is too slow to be heard out after the response.
            self.end(false);
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        if !matches!(frame, Some(Ok(_))) || self.incoming.is_end_stream() {
            self.end(false);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.end(true);
    }
}

/// A request that the endpoint or its response's body is still busy with.
pub(super) struct Open(pub(super) Arc<Link>);

impl Open {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        link.activity.begin();
        Self(link.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.activity.end();
    }
}

/// A response's body; the request is open until hyper drops it.
pub(super) struct Reply {
    body: BoxBody<Bytes, io::Error>,
    open: Open,
    /// Hyper polls next, which it does not while an HTTP/2 peer gives no window.
    queued: bool,
}

impl Reply {
    pub(super) fn new(body: BoxBody<Bytes, io::Error>, open: Open) -> Self {
        let mut reply = Self { body, open, queued: false };
        reply.queue(true);
        reply
    }

    fn queue(&mut self, waits: bool) {
        if self.queued != waits {
            self.queued = waits;
            self.open.0.activity.queue(waits);
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.queue(false);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.queue(frame.is_some());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.queue(false);
    }
}
