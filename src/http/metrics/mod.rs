//! What the HTTP side counts, and the page that shows every metric.

mod exposition;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use poem::http::StatusCode;

pub use self::exposition::CONTENT_TYPE;
use super::hot::Path;
use super::server::{Connections, Identity};
use crate::domain::identity::Services;
use crate::locks;
use crate::measure::{Counter, Family, Latency, label};
use crate::model::Timestamp;
use crate::platform::process;

/// Classes of answers (RFC 9110, section 15).
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The route label of requests with an unknown path.
const UNMATCHED: &str = "unmatched";

/// Counts of the HTTP side. One value for all listeners.
pub struct Metrics {
    verify: Hot,
    forward_auth: Hot,
    /// Durations of all other requests.
    other: Latency,
    unmatched: Arc<RouteCount>,
    routes: Mutex<Vec<Arc<RouteCount>>>,
    connections: Arc<Connections>,
    certificate: Option<Arc<Identity>>,
    started_at: Timestamp,
    schema: u32,
}

/// Counts of a path that answers most requests.
#[derive(Default)]
struct Hot {
    latency: Latency,
    classes: [Counter; CLASSES.len()],
}

/// Answers of one route, by class.
pub(super) struct RouteCount {
    template: String,
    classes: [AtomicU64; CLASSES.len()],
}

impl RouteCount {
    fn new(template: &str) -> Arc<Self> {
        Arc::new(Self { template: template.to_owned(), classes: Default::default() })
    }
}

/// Request extension: the route that took the request.
#[derive(Clone, Default)]
pub(super) struct Matched(Arc<OnceLock<Arc<RouteCount>>>);

impl Matched {
    /// Notes the route.
    pub(super) fn set(&self, route: &Arc<RouteCount>) {
        // The first one is the outermost.
        let _ = self.0.set(route.clone());
    }
}

fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1
}

impl Metrics {
    /// Counts of a server that started at `started_at` with the schema of this version.
    pub fn new(
        connections: Arc<Connections>,
        certificate: Option<Arc<Identity>>,
        started_at: Timestamp,
        schema: u32,
    ) -> Self {
        Self {
            verify: Hot::default(),
            forward_auth: Hot::default(),
            other: Latency::default(),
            unmatched: RouteCount::new(UNMATCHED),
            routes: Mutex::default(),
            connections,
            certificate,
            started_at,
            schema,
        }
    }

    /// Adds a route; its template names parameters, never values.
    pub(super) fn route(&self, template: &str) -> Arc<RouteCount> {
        let route = RouteCount::new(template);
        locks::lock(&self.routes).push(route.clone());
        route
    }

    /// Counts an answer of one of the two hot paths.
    pub(super) fn hot(&self, path: Path, status: StatusCode, took: Duration) {
        let counts = match path {
            Path::Verify => &self.verify,
            Path::ForwardAuth => &self.forward_auth,
        };
        counts.latency.observe(took);
        counts.classes[class(status)].add(1);
    }

    /// Counts any other answer.
    pub(super) fn routed(&self, matched: &Matched, status: StatusCode, took: Duration) {
        self.other.observe(took);
        let route = matched.0.get().unwrap_or(&self.unmatched);
        route.classes[class(status)].fetch_add(1, Ordering::Relaxed);
    }

    /// The page: metrics of all rooms as OpenMetrics text.
    pub fn page(&self, services: &Services) -> String {
        let mut families = services.metrics();
        families.extend(self.families());
        exposition::exposition(families, process::families(self.started_at))
    }

    fn families(&self) -> Vec<Family> {
        let mut families = vec![
            Family::histograms(
                "request_duration_seconds",
                "Time from the read request head to the answer, for verify, forward-auth and all other requests.",
                [
                    (label("route", "verify"), self.verify.latency.histogram()),
                    (label("route", "forward_auth"), self.forward_auth.latency.histogram()),
                    (label("route", "other"), self.other.histogram()),
                ],
            ),
            Family::counters(
                "http_requests_total",
                "Answered requests by route template and class of status.",
                self.requests(),
            ),
            Family::gauge(
                "connections",
                "Connections open on the public listener.",
                self.connections.open() as f64,
            ),
            Family::gauge(
                "max_connections",
                "Connections that the public listener holds at most.",
                self.connections.max() as f64,
            ),
            Family::gauges(
                "build_info",
                "1, labelled with the version of the program and of its database schema.",
                [(
                    vec![
                        ("version", env!("CARGO_PKG_VERSION").into()),
                        ("schema", self.schema.to_string().into()),
                    ],
                    1.0,
                )],
            ),
        ];
        let expiry = self.certificate.as_ref().and_then(|identity| identity.expires_at());
        families.extend(expiry.map(|at| {
            Family::gauge(
                "certificate_expiry_timestamp_seconds",
                "When the TLS certificate expires, in seconds since 1970.",
                at.seconds() as f64,
            )
        }));
        families
    }

    fn requests(&self) -> Vec<(crate::measure::Labels, f64)> {
        let mut samples = Vec::new();
        let mut add = |route: &str, class: usize, count: u64| {
            // Most routes never answer most classes.
            if count > 0 {
                let labels = vec![("route", route.to_owned().into()), ("status", CLASSES[class].into())];
                samples.push((labels, count as f64));
            }
        };
        for (route, hot) in [("/v1/keys/verify", &self.verify), ("/v1/forward-auth", &self.forward_auth)] {
            hot.classes.iter().enumerate().for_each(|(class, count)| add(route, class, count.get()));
        }
        let routes = locks::lock(&self.routes);
        for route in routes.iter().chain([&self.unmatched]) {
            for (class, count) in route.classes.iter().enumerate() {
                add(&route.template, class, count.load(Ordering::Relaxed));
            }
        }
        samples
    }
}
