//! The two questions that are asked at every request of somebody else's API: `POST /v1/keys/verify` and
//! `/v1/forward-auth`.
//!
//! They skip the route table, extractors and extensions: what a request passes on its way is most of what it costs.
//! `openapi` describes them by the types that are read and written here.

mod described;
mod forward_auth;
mod identity;
mod limits;
mod openapi;
mod query;
mod remembered;
mod rule;
mod sheet;
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
pub(super) use openapi::HotApi;
use query::Query;
use remembered::Remembered;

/// The endpoints, and what they need not read again.
#[derive(Default)]
pub(super) struct Hot {
    /// Queries of forward-auth: they are the proxies' configuration, so there are few.
    queries: Remembered<Query>,
    /// Scope expressions of verify: they are written in programs, so there are few.
    expressions: Remembered<ScopeExpr>,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Verify,
    ForwardAuth,
}

impl Hot {
    /// The path of a request, if it is one of the two.
    pub(super) fn path(request: &Request) -> Option<Path> {
        match request.uri().path() {
            "/v1/keys/verify" => Some(Path::Verify),
            "/v1/forward-auth" => Some(Path::ForwardAuth),
            _ => None,
        }
    }

    /// Answers a request for one of the two.
    ///
    /// # Errors
    /// What is not an answer to the question: a caller without the right to ask, a body that does not read.
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

/// The request that was decided about, as the log will show it.
struct Subject {
    ip: Option<IpAddr>,
    method: Option<Method>,
    path: Option<Box<str>>,
    agent: Option<Box<str>>,
}

/// Who asked, where that is somebody else than the key, and by which rule.
#[derive(Default, Clone, Copy)]
struct Asker<'a> {
    key_no: Option<i64>,
    user_no: Option<i64>,
    route: Option<&'a Route>,
}

/// Logs a decision. A key that is unknown, or that has ended, identifies no caller.
fn log(
    services: &Services,
    context: &RequestContext,
    kind: Kind,
    question: &Question<'_>,
    verdict: &Verdict,
    subject: Subject,
    asker: Asker<'_>,
) -> Result<()> {
    if !services.log.keeps() {
        return Ok(());
    }
    let (outcome, reason) = verdict.outcome();
    let mut entry = Entry::new(context.now, kind, outcome, reason);
    entry.api_no = Some(question.api.no);
    if let Some(holder) = verdict.holder() {
        entry.detail = seen(verdict, question, asker.route);
        name_holder(&mut entry, holder);
        entry.identified = !has_ended(reason);
    }
    entry.by_key_no = asker.key_no;
    entry.by_user_no = asker.user_no;
    push(services, context, entry, subject)
}

/// Whether the key proves nothing about who sent it: it may be sent for ever after it leaked.
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

/// Why a request was not let in, for the log's readers: every rule and what it saw, and the route that asked. Of a
/// limited one only the limit, since those come in floods.
fn seen(verdict: &Verdict, question: &Question<'_>, route: Option<&Route>) -> Option<Box<Value>> {
    let outcome = verdict.outcome().0;
    if outcome == Outcome::Allowed {
        return None;
    }
    let mut checks = verdict.checks(question);
    checks.retain(|check| outcome != Outcome::Limited || check.result == CheckResult::Failed);
    let mut seen = json!({ "checks": checks });
    if let Some(route) = route {
        seen["route"] = shown(route).into();
    }
    Some(Box::new(seen))
}

/// A route in one line.
fn shown(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}
