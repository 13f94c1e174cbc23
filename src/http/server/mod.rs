//! The accept loop around poem: bounds for a server on the open network.
//!
//! ```text
//! serve ── accept ──▶ connection (one task each) ──▶ hyper ──▶ endpoint
//!   │        back-off      │ stream: tells activity of bytes read and writes that stall
//!   │        on errors     │ body:   tells activity of uploads and finished responses
//!   └─ slots, orders ────▶ └─ activity: says when the connection has outstayed a deadline
//! ```
//!
//! Cleartext speaks HTTP/1 only; HTTP/2 is offered by ALPN within TLS. poem's own server lacks all
//! deadlines, and hyper's single timer for heads also closes idle connections, allocates for each
//! request and does not know about bodies, so deadlines are kept here: requests note times in plain
//! atomics, and one timer per connection looks at them now and then.

mod accept;
mod activity;
mod addresses;
mod body;
mod connection;
mod connections;
mod stream;
mod tls;
mod validity;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use poem::Endpoint;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

pub use accept::{ControlPeer, Listener};
pub use connections::Connections;
pub use tls::{Identity, tls_config};

use accept::Acceptor;
use addresses::Addresses;
use connection::ListenerShared;

/// How long a peer may take. A response may take as long as the endpoint likes: none of these ends it,
/// unless the peer stops reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the accepted connection to the first byte of its first request, the TLS handshake included.
    pub first_request: Duration,
    /// From the first byte of a request's head to its last.
    pub header: Duration,
    /// From the end of a response to the first byte of the next request. While the connection cap is
    /// reached, `header` bounds this too, so that idle connections make room.
    pub idle: Duration,
    /// From the first wait for a request's body to its last byte, however much of it arrives in between.
    /// Also how long a peer may accept no byte of what we write.
    pub body: Duration,
}

impl Default for Deadlines {
    /// 10 s each to begin and to finish a head, 75 s idle, and 25 s for a body: a slow head or a slow body
    /// ends within 30 s, including the time to close the connection.
    fn default() -> Self {
        Self {
            first_request: Duration::from_secs(10),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(25),
        }
    }
}

impl Deadlines {
    /// The longest interval between two checks of a connection that misses no deadline.
    fn shortest(&self) -> Duration {
        let shortest = self.first_request.min(self.header).min(self.idle).min(self.body);
        shortest.max(Duration::from_millis(1))
    }
}

/// Bounds of one listener.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a peer may take.
    pub deadlines: Deadlines,
    /// Connections open at a time, at least one. Further ones wait in the kernel's backlog, where they need
    /// neither memory of this process nor a file descriptor; closed at once, clients would reconnect
    /// at once.
    pub max_connections: usize,
    /// Connections that one address may have open, an IPv4 address or an IPv6 /56; one more is closed at once.
    pub max_per_address: usize,
    /// Networks of proxies, which serve many clients: `max_per_address` does not apply to them.
    pub proxies: Arc<[IpNet]>,
    /// How long a stop waits for requests in flight before it cuts them off.
    pub grace: Duration,
    /// Shows how many connections are open.
    pub connections: Arc<Connections>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            max_connections: 10_000,
            max_per_address: 2_500,
            proxies: Arc::default(),
            grace: Duration::from_secs(10),
            connections: Arc::default(),
        }
    }
}

/// Orders of the accept loop to its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Serve.
    Serve,
    /// Finish what is in flight, then close.
    Finish,
    /// Close now.
    Cut,
}

/// Serves `endpoint` on `listener` until `stop` holds true (or its sender is gone), then accepts nothing
/// more, closes idle connections, waits up to `options.grace` for the others and returns when all are
/// closed.
///
/// Each request carries poem's `RemoteAddr` of its peer (an IPv4 peer as IPv4, also on an IPv6 socket)
/// and, on a Unix socket, a [`ControlPeer`] extension. A body that misses its deadline reads as an
/// [`std::io::ErrorKind::TimedOut`] error, and its connection closes after the response.
///
/// Nothing a peer does ends the loop: accept errors such as running out of file descriptors are waited
/// out, and a panic of the endpoint ends that connection only.
pub async fn serve<E: Endpoint + 'static>(
    listener: Listener,
    endpoint: Arc<E>,
    options: Options,
    mut stop: watch::Receiver<bool>,
) {
    let capacity =
        u32::try_from(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let slots = Arc::new(Semaphore::new(capacity as usize));
    options.connections.watch(&slots, capacity as usize);
    let (orders, _) = watch::channel(Order::Serve);
    let (mut acceptor, tls) =
        Acceptor::new(listener, slots.clone(), Addresses::new(options.max_per_address, options.proxies));
    let shared = Arc::new(ListenerShared::new(endpoint, options.deadlines, acceptor.local_addr(), tls));
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = acceptor.accept() => {
                tokio::spawn(connection::run(shared.clone(), accepted, orders.subscribe()));
            }
        }
    }
    drop(acceptor);
    orders.send_replace(Order::Finish);
    if timeout(options.grace, slots.acquire_many(capacity)).await.is_err() {
        let open = capacity as usize - slots.available_permits();
        tracing::warn!(open, "closing connections that did not finish in time");
        orders.send_replace(Order::Cut);
        // Cannot fail: the semaphore is never closed. A connection obeys at its next await.
        drop(slots.acquire_many(capacity).await);
    }
}
