//! Taking connections from the kernel: the cap, the peer's address, and patience with errors.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::Addr;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::addresses::{Addresses, Entered};

/// A bound socket to serve.
#[derive(Debug)]
pub enum Listener {
    /// Network clients: HTTP/1 in cleartext, or HTTP/1 and HTTP/2 within TLS.
    Tcp {
        /// The bound socket.
        listener: TcpListener,
        /// The identity to show, made by [`tls_config`](super::tls_config); none for cleartext.
        tls: Option<Arc<rustls::ServerConfig>>,
    },
    /// Processes on this machine, HTTP/1; requests carry a [`ControlPeer`].
    Unix(UnixListener),
}

/// Request extension: the process that connected to the Unix socket, as the kernel knows it
/// (`SO_PEERCRED`). A network request never has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPeer {
    /// The effective user id of the process when it connected.
    pub uid: u32,
}

/// A connection that nothing has been read from yet.
pub(super) struct Accepted {
    pub(super) socket: Socket,
    pub(super) remote: RemoteAddr,
    /// Given back when the connection's task drops it.
    pub(super) slot: OwnedSemaphorePermit,
    /// What counts it for its address; none on a Unix socket.
    pub(super) entered: Option<Entered>,
}

pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream, ControlPeer),
}

enum Source {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Accepts while there is room, for as long as it takes.
pub(super) struct Acceptor {
    source: Source,
    slots: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    capacity: usize,
    backoff: Backoff,
    /// The cap was reached and said so; until a tenth of the slots is free, it is not said again.
    full: bool,
}

impl Acceptor {
    /// `slots` are all free.
    pub(super) fn new(
        listener: Listener,
        slots: Arc<Semaphore>,
        addresses: Arc<Addresses>,
    ) -> (Self, Option<TlsAcceptor>) {
        let (source, tls) = match listener {
            Listener::Tcp { listener, tls } => (Source::Tcp(listener), tls.map(TlsAcceptor::from)),
            Listener::Unix(listener) => (Source::Unix(listener), None),
        };
        let capacity = slots.available_permits();
        (Self { source, slots, addresses, capacity, backoff: Backoff::default(), full: false }, tls)
    }

    /// The address of the listener, read once instead of for each connection.
    pub(super) fn local_addr(&self) -> LocalAddr {
        let addr = match &self.source {
            Source::Tcp(listener) => listener.local_addr().map(Addr::from),
            Source::Unix(listener) => listener.local_addr().map(Addr::from),
        };
        LocalAddr(addr.unwrap_or_default())
    }

    /// The next connection. Dropping the future loses none.
    pub(super) async fn accept(&mut self) -> Accepted {
        let slot = self.slot().await;
        loop {
            match self.try_accept().await {
                Ok((socket, remote)) => {
                    self.backoff.succeeded();
                    let entered = match remote.0.as_socket_addr() {
                        None => None,
                        Some(address) => match self.addresses.enter(address.ip()) {
                            Some(entered) => Some(entered),
                            None => {
                                tracing::debug!(%address, "closed: too many connections from this address");
                                continue;
                            }
                        },
                    };
                    return Accepted { socket, remote, slot, entered };
                }
                Err(error) => {
                    if let Some(pause) = self.backoff.failed(&error) {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
    }

    async fn slot(&mut self) -> OwnedSemaphorePermit {
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            self.full &= self.slots.available_permits() < self.capacity.div_ceil(10);
            return slot;
        }
        if !self.full {
            self.full = true;
            tracing::warn!("all connections are taken; new ones wait in the kernel's backlog");
        }
        self.slots.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    async fn try_accept(&mut self) -> io::Result<(Socket, RemoteAddr)> {
        match &self.source {
            Source::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                // Fails only when the peer has closed already; reading will show that.
                let _ = socket.set_nodelay(true);
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                Ok((Socket::Tcp(socket), RemoteAddr(peer.into())))
            }
            Source::Unix(listener) => {
                let (socket, peer) = listener.accept().await?;
                let control = ControlPeer { uid: socket.peer_cred()?.uid() };
                Ok((Socket::Unix(socket, control), RemoteAddr(peer.into())))
            }
        }
    }
}

/// Waits longer after each error, so that a process out of file descriptors neither spins nor floods its
/// log, and resumes by itself.
#[derive(Default)]
struct Backoff {
    /// Zero outside a burst.
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    /// How long to wait, or none if the error concerns that one peer only. The first error of a burst is
    /// logged.
    fn failed(&mut self, error: &io::Error) -> Option<Duration> {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NotConnected) {
            return None;
        }
        if self.pause.is_zero() {
            tracing::warn!(%error, "cannot accept connections; trying again until it works");
            self.pause = Self::FIRST;
        } else {
            self.pause = (self.pause * 2).min(Self::LONGEST);
        }
        Some(self.pause)
    }

    fn succeeded(&mut self) {
        if !self.pause.is_zero() {
            tracing::info!("accepting connections again");
            self.pause = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_process_are_waited_out_ever_longer_up_to_a_second() {
        let mut backoff = Backoff::default();
        let out_of_files = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..10).filter_map(|_| backoff.failed(&out_of_files)).collect();
        assert_eq!(pauses[..3], [5, 10, 20].map(Duration::from_millis));
        assert_eq!(pauses[9], Duration::from_secs(1));
        backoff.succeeded();
        assert_eq!(backoff.failed(&out_of_files), Some(Duration::from_millis(5)));
    }

    #[test]
    fn errors_of_one_peer_cost_no_wait() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.failed(&io::ErrorKind::ConnectionAborted.into()), None);
    }
}
