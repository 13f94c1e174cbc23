//! One connection: TLS, the choice of HTTP version, and requests until a deadline or an order ends it.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, RequestParts};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::accept::{Accepted, ControlPeer, Socket};
use super::activity::{Activity, Verdict, moment};
use super::body::{Clock, Open, Reply, Upload};
use super::stream::Stream;
use super::{Deadlines, Order};

/// Bytes of a request's head (HTTP/1) or header list (HTTP/2); hyper answers 431 to more.
const MAX_HEAD: u32 = 16 * 1024;
/// Bytes that hyper may buffer per HTTP/1 connection and direction.
const MAX_BUFFER: usize = 64 * 1024;
/// Requests in flight per HTTP/2 connection.
const MAX_STREAMS: u32 = 100;
/// Streams that a peer may open and reset before they are processed ("rapid reset", CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams reset for errors of the peer before the connection is closed.
const MAX_ERROR_RESETS: usize = 64;
/// Unread bytes of bodies per HTTP/2 stream and connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// HTTP/2 pings find dead peers of long responses.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Shared by all connections of a listener.
pub(super) struct ListenerShared<E> {
    endpoint: Arc<E>,
    deadlines: Deadlines,
    local: LocalAddr,
    tls: Option<TlsAcceptor>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl<E> ListenerShared<E> {
    pub(super) fn new(
        endpoint: Arc<E>,
        deadlines: Deadlines,
        local: LocalAddr,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        http1.header_read_timeout(None).max_header_size(MAX_HEAD as usize).max_buf_size(MAX_BUFFER);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_header_list_size(MAX_HEAD)
            .max_concurrent_streams(MAX_STREAMS)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_ERROR_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(MAX_BUFFER);
        Self { endpoint, deadlines, local, tls, http1, http2 }
    }
}

/// What all requests of a connection share.
pub(super) struct Link {
    pub(super) activity: Activity,
    local: LocalAddr,
    remote: RemoteAddr,
    scheme: Scheme,
    control: Option<ControlPeer>,
    /// Set for HTTP/2: the deadline that each body keeps by itself.
    stream_body: Option<Duration>,
}

impl Link {
    fn request(self: &Arc<Self>, request: http::Request<Incoming>) -> Request {
        let (mut parts, incoming) = request.into_parts();
        if let Some(control) = self.control {
            parts.extensions.insert(control);
        }
        let parts = RequestParts::from((parts, self.local.clone(), self.remote.clone(), self.scheme.clone()));
        if incoming.is_end_stream() {
            return Request::from_parts(parts, poem::Body::empty());
        }
        let clock = match self.stream_body {
            None => Clock::Connection(self.clone()),
            Some(limit) => Clock::Stream { limit, timer: None },
        };
        Request::from_parts(parts, BoxBody::new(Upload::new(incoming, clock)).into())
    }
}

/// Serves one connection to its end. The slot is given back when everything else is dropped.
pub(super) async fn run<E: Endpoint + 'static>(
    shared: Arc<ListenerShared<E>>,
    accepted: Accepted,
    orders: watch::Receiver<Order>,
) {
    let Accepted { socket, remote, slot, entered: _entered } = accepted;
    let task = ConnTask { shared, remote, orders, accepted: moment() };
    let slots = slot.semaphore();
    match socket {
        Socket::Unix(socket, control) => task.http1(socket, Scheme::HTTP, Some(control), slots).await,
        Socket::Tcp(socket) if task.shared.tls.is_none() => {
            task.http1(socket, Scheme::HTTP, None, slots).await;
        }
        // Boxed, since its state is several times that of a cleartext connection.
        Socket::Tcp(socket) => Box::pin(task.tls(socket, slots)).await,
    }
}

/// One connection.
struct ConnTask<E> {
    shared: Arc<ListenerShared<E>>,
    remote: RemoteAddr,
    orders: watch::Receiver<Order>,
    accepted: Instant,
}

impl<E: Endpoint + 'static> ConnTask<E> {
    async fn tls(mut self, socket: TcpStream, slots: &Semaphore) {
        let shared = self.shared.clone();
        let Some(acceptor) = &shared.tls else { return };
        let deadline = self.accepted + shared.deadlines.first_request;
        let socket = tokio::select! {
            socket = timeout_at(deadline, acceptor.accept(socket)) => match socket {
                Ok(Ok(socket)) => socket,
                Ok(Err(error)) => return tracing::debug!(remote = %self.remote, %error, "TLS failed"),
                Err(_) => return tracing::debug!(remote = %self.remote, "TLS took too long"),
            },
            _ = self.orders.changed() => return,
        };
        if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(socket, slots).await;
        } else {
            self.http1(socket, Scheme::HTTPS, None, slots).await;
        }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(
        self,
        socket: S,
        scheme: Scheme,
        control: Option<ControlPeer>,
        slots: &Semaphore,
    ) {
        let link = self.link(scheme, control, false);
        let stream = TokioIo::new(Stream::new(socket, link.clone()));
        let connection = self.shared.http1.serve_connection(stream, service(&self.shared, &link));
        self.attend(connection, &link, slots).await;
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + 'static>(self, socket: S, slots: &Semaphore) {
        let link = self.link(Scheme::HTTPS, None, true);
        let stream = TokioIo::new(Stream::new(socket, link.clone()));
        let connection = self.shared.http2.serve_connection(stream, service(&self.shared, &link));
        self.attend(connection, &link, slots).await;
    }

    fn link(&self, scheme: Scheme, control: Option<ControlPeer>, multiplexed: bool) -> Arc<Link> {
        Arc::new(Link {
            activity: Activity::new(self.accepted, multiplexed),
            local: self.shared.local.clone(),
            remote: self.remote.clone(),
            scheme,
            control,
            stream_body: multiplexed.then_some(self.shared.deadlines.body),
        })
    }

    /// Drives hyper until the connection ends, a deadline passes or the accept loop orders it.
    async fn attend<C>(mut self, connection: C, link: &Link, slots: &Semaphore)
    where
        C: GracefulConnection<Error = hyper::Error>,
    {
        let deadlines = &self.shared.deadlines;
        let mut connection = pin!(connection);
        let mut look = pin!(sleep_until(self.accepted + deadlines.shortest()));
        loop {
            tokio::select! {
                // The connection last: a busy one would starve every branch after it.
                biased;
                order = self.orders.changed() => match order.map(|()| *self.orders.borrow_and_update()) {
                    Ok(Order::Serve) => {}
                    Ok(Order::Finish) => {
                        link.activity.retire();
                        connection.as_mut().graceful_shutdown();
                    }
                    Ok(Order::Cut) | Err(_) => return,
                },
                () = &mut look => match link.activity.look(deadlines, slots.available_permits() == 0) {
                    Verdict::Keep(pause) => look.as_mut().reset(moment() + pause),
                    Verdict::Retire => {
                        link.activity.retire();
                        connection.as_mut().graceful_shutdown();
                        look.as_mut().reset(moment() + deadlines.shortest());
                    }
                    Verdict::Cut => {
                        return tracing::debug!(remote = %self.remote, "connection missed a deadline");
                    }
                },
                end = &mut connection => {
                    if let Err(error) = end {
                        tracing::debug!(remote = %self.remote, %error, "connection failed");
                    }
                    return;
                }
            }
        }
    }
}

/// The endpoint as hyper wants it.
fn service<E: Endpoint + 'static>(
    shared: &ListenerShared<E>,
    link: &Arc<Link>,
) -> impl HttpService<Incoming, ResBody = Reply, Error = Infallible, Future: Send> + use<E> {
    let (endpoint, link) = (shared.endpoint.clone(), link.clone());
    service_fn(move |request| {
        let (endpoint, open) = (endpoint.clone(), Open::new(&link));
        async move {
            let response = endpoint.get_response(open.0.request(request)).await;
            let response = http::Response::<BoxBody<_, _>>::from(response);
            Ok(response.map(|body| Reply::new(body, open)))
        }
    })
}
