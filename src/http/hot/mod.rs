//! The two endpoints that are called for every request of a protected API: `POST /v1/keys/verify` and
//! `/v1/forward-auth`.
//!
//! They skip the route table, extractors and extensions, which would cost more than the decision.
//! `openapi` describes them by the types that are read and written here.

mod forward_auth;
mod forwarded_request;
mod header_buf;
mod identity;
mod intern_cache;
mod limits;
mod openapi;
mod query;
mod rule;
#[cfg(test)]
mod tests;
mod verify;
mod verify_request;
mod verify_response;
mod write_json;

use std::net::IpAddr;
use std::sync::Arc;

use poem::{Request, Response};
use serde_json::{Value, json};

use super::context::RequestContext;
use crate::domain::identity::Services;
use crate::domain::policy::{Bearer, CheckResult, Question, Verdict};
use crate::error::Result;
use crate::model::activity::{Entry, Kind, Method, Outcome, Reason};
use crate::model::api::Route;
use crate::model::{Identity, ScopeExpr};
use intern_cache::InternCache;
pub(super) use openapi::HotApi;
use query::Query;

/// The endpoints and their caches.
#[derive(Default)]
pub(super) struct Hot {
    /// Queries of forward-auth: few, since they are part of the configuration of proxies.
    queries: InternCache<Query>,
    /// Scope expressions of verify: few, since they are part of programs.
    expressions: InternCache<ScopeExpr>,
}

/// One of the two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Verify,
    ForwardAuth,
}

impl Hot {
    /// The endpoint of a request; none for all others.
    pub(super) fn path(request: &Request) -> Option<Path> {
        match request.uri().path() {
            "/v1/keys/verify" => Some(Path::Verify),
            "/v1/forward-auth" => Some(Path::ForwardAuth),
            _ => None,
        }
    }

    /// Answers a request for one of the two endpoints.
    ///
    /// # Errors
    /// A caller without the scope, or a body that cannot be parsed.
    pub(super) async fn answer(
        &self,
        path: Path,
        services: &Arc<Services>,
        request: &mut Request,
        context: &RequestContext,
    ) -> poem::Result<Response> {
        match path {
            Path::Verify => self.verify(services, request, context).await,
            Path::ForwardAuth => Ok(self.forward_auth(services, request, context).await),
        }
    }
}

/// The request that was decided about, for the log.
struct Subject {
    ip: Option<IpAddr>,
    method: Option<Method>,
    path: Option<Box<str>>,
    agent: Option<Box<str>>,
}

/// The caller of the endpoint, where it is not the judged credential, and the route that applied.
#[derive(Default, Clone, Copy)]
struct Caller<'a> {
    key_no: Option<i64>,
    user_no: Option<i64>,
    route: Option<&'a Route>,
}

/// Logs a decision. A key that is unknown or has ended identifies no caller.
fn log(
    services: &Services,
    context: &RequestContext,
    kind: Kind,
    question: &Question<'_>,
    verdict: &Verdict,
    subject: Subject,
    caller: Caller<'_>,
) -> Result<()> {
    if !services.log.keeps() {
        return Ok(());
    }
    let (outcome, reason) = verdict.outcome();
    let mut entry = Entry::new(context.now, kind, outcome, reason);
    entry.api_no = Some(question.api.no);
    if let Some(holder) = verdict.holder() {
        entry.detail = refusal_detail(verdict, question, caller.route);
        name_holder(&mut entry, holder);
        entry.identified = !has_ended(reason);
    }
    entry.by_key_no = caller.key_no;
    entry.by_user_no = caller.user_no;
    push(services, context, entry, subject)
}

/// Whether the key has ended. It then identifies no caller, since a leaked key can be sent for ever.
const fn has_ended(reason: Reason) -> bool {
    matches!(reason, Reason::Revoked | Reason::Disabled | Reason::Expired)
}

/// Names the holder of a credential in its log entry.
fn name_holder(entry: &mut Entry, holder: &Bearer) {
    match holder {
        Bearer::Key(key) => {
            entry.key_no = Some(key.no);
            entry.user_no = key.user.map(|user| user.no);
        }
        Bearer::Token(identity) => name_identity(entry, identity),
    }
}

/// Names an identity in a log entry.
fn name_identity(entry: &mut Entry, identity: &Identity) {
    entry.key_no = identity.key.map(|(no, _)| no);
    entry.user_no = identity.user.map(|(no, ..)| no);
    entry.client_no = identity.client.map(|(no, _)| no);
    entry.grant_no = identity.grant.map(|(no, _)| no);
    entry.session_no = identity.session.map(|(no, _)| no);
}

/// Logs an entry together with the request that it is about.
fn push(services: &Services, context: &RequestContext, mut entry: Entry, subject: Subject) -> Result<()> {
    entry.ip = subject.ip;
    entry.method = subject.method;
    entry.path = subject.path;
    entry.agent = subject.agent;
    entry.request_id = Some(context.id);
    let took = services.clock.monotonic().saturating_sub(context.started);
    entry.took_us = Some(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    services.log.push(entry)
}

/// Why a request was refused, for the log: every rule and its findings, and the route. For a limited request only the
/// limit, since such refusals come in large numbers.
fn refusal_detail(verdict: &Verdict, question: &Question<'_>, route: Option<&Route>) -> Option<Box<Value>> {
    let outcome = verdict.outcome().0;
    if outcome == Outcome::Allowed {
        return None;
    }
    let mut checks = verdict.checks(question);
    checks.retain(|check| outcome != Outcome::Limited || check.result == CheckResult::Failed);
    let mut detail = json!({ "checks": checks });
    if let Some(route) = route {
        detail["route"] = format!("{} {}", route.method, route.path).into();
    }
    Some(Box::new(detail))
}
