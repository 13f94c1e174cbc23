//! Hostile requests and faults, through the same proxies. The product is the first document's.

mod faults;
mod forwarded;
mod identity;
mod paths;
mod traffic;

use std::sync::Arc;

use crate::documents::Document;
use crate::sequence::{Running, Sequence, Statement, slug};
use crate::world::Course;

type Case = (&'static str, fn(Arc<Course>) -> Running);

macro_rules! cases {
    ($($module:ident :: $name:ident = $says:literal),+ $(,)?) => {
        const CASES: &[Case] =
            &[$(($says, |course| Box::pin(async move { $module::$name(&course).await }))),+];
    };
}

cases! {
    forwarded::own_words = "What a client writes into X-Forwarded-* and X-Original-* is not believed",
    forwarded::untrusted_peer = "Nor is a proxy that is not in trusted_proxies: every request is refused",
    forwarded::described_once = "A request that is described not at all or twice is refused, 400",
    forwarded::rotating_address = "Another X-Forwarded-For each time is still 429",
    forwarded::allowed_address = "An address in X-Forwarded-For does not make up for allowed_ips",
    identity::inbound_copies = "Identity headers of the client's own never reach the service, nor X_Auth_* for them",
    identity::public_route = "Nor do they where no credential is asked for, or in a pre-flight",
    identity::connection_header = "Connection: X-Auth-Subject takes no identity away",
    identity::other_names = "X_Forwarded_User, Remote-User and method overrides do not reach the service",
    identity::one_credential = "Cookies are ignored, and two credentials are one too many",
    identity::key_in_url = "A key in the URL opens nothing, and is in no log",
    paths::one_meaning = "//, %2f, %00, ;, #, dot segments, double escapes: canonical or refused",
    paths::host_in_mixed_case = "A host in mixed case, or an evil one, changes nothing",
    paths::odd_methods = "A method in lower case, or an unknown one, opens nothing",
    traffic::limited_in_full = "429 stays 429, with Retry-After and what is left",
    traffic::preflight = "A CORS pre-flight passes, and only a pre-flight does",
    traffic::kept_alive = "Connections to the service and to Keywright are kept",
    traffic::large_body = "A body of 16 MiB reaches the service whole, by length and in chunks",
    traffic::shared_host = "Sign-in and consent work where the service and Keywright share a host",
    faults::down = "Keywright is down: 5xx, never 2xx",
    faults::unvouched = "Keywright's certificate has no trusted issuer: 5xx, never 2xx",
    faults::damaged = "Keywright's store is damaged under it: 5xx, never 2xx",
    faults::failing = "Keywright fails, talks nonsense, redirects, hangs up or hangs: refused, never 2xx",
}

/// Names of all cases.
pub fn statements() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(says, _)| *says)
}

/// All cases, against an instance of the document's product.
pub fn sequence(document: &Arc<Document>) -> Sequence {
    let statements = CASES.iter().map(|(says, case)| Statement { name: slug(says), run: Box::new(case) });
    Sequence::new("hostile", document, statements.collect())
}
