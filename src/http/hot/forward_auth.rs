//! `/v1/forward-auth`: decides about a request for a proxy, which then passes it on or refuses it.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Request, Response};

use serde_json::json;

use super::header_buf::{HeaderBuf, Span, ascii_json};
use super::identity::{Filled, IdentityHeaders};
use super::rule::{self, Denied, Requirement, Rule};
use super::{Caller, Hot, Subject, forwarded_request, limits, log, query};
use crate::domain::identity::Services;
use crate::domain::identity::authenticate::{decide, recognise};
use crate::domain::policy::{Bearer, Grants, Question, Verdict};
use crate::error::{Code, Error, Result};
use crate::http::context::RequestContext;
use crate::http::{auth, error};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Api, Environment, IdentityKind, VerifyCode};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ERROR: HeaderName = HeaderName::from_static("x-auth-error");
const STATUS: HeaderName = HeaderName::from_static("x-auth-status");

const KEY: HeaderValue = HeaderValue::from_static("key");
const TOKEN: HeaderValue = HeaderValue::from_static("token");
const SESSION: HeaderValue = HeaderValue::from_static("session");
const LIVE: HeaderValue = HeaderValue::from_static("live");
const TEST: HeaderValue = HeaderValue::from_static("test");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Headers of a response with a limit, so that the map grows once.
const USUAL_HEADERS: usize = 24;

impl Hot {
    /// Every failure becomes a response that a proxy can pass on.
    pub(super) async fn forward_auth(
        &self,
        services: &Services,
        request: &Request,
        context: &RequestContext,
    ) -> Response {
        let decided = match services.log.capacity().await {
            Ok(()) => self.decide(services, request, context),
            Err(error) => Err(error),
        };
        decided.unwrap_or_else(|error| {
            let nginx =
                request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "nginx=1"));
            refusal(&error, context, None, nginx)
        })
    }

    fn decide(&self, services: &Services, request: &Request, context: &RequestContext) -> Result<Response> {
        let query = self.queries.get(request.uri().query().unwrap_or_default(), query::read)?;
        let apis = services.catalog.get();
        let api = apis
            .by_slug(&query.api)
            .ok_or_else(|| Error::invalid("api", "There is no API of this slug on this instance"))?;
        let forwarded = forwarded_request::read(request, context)?;
        let key = credential(request.headers(), api);
        let requirement = match rule::find(api, &query, &forwarded, context) {
            Ok(Rule::Credential(requirement)) => requirement,
            Ok(Rule::Public) => {
                unidentified(services, context, api, Reason::Public, forwarded.subject)?;
                return Ok(public());
            }
            Err(denied) => {
                let key = key.ok().flatten();
                return Err(refuse(services, context, api, forwarded.subject, key, denied)?);
            }
        };
        let key = match key {
            Ok(Some(key)) => key,
            Ok(None) => {
                unidentified(services, context, api, Reason::Missing, forwarded.subject)?;
                return Err(auth::missing());
            }
            Err(error) => {
                unidentified(services, context, api, Reason::InvalidRequest, forwarded.subject)?;
                return Err(error);
            }
        };
        let case = Case { api, requirement, key, nginx: query.nginx, filled: query.filled };
        self.judge(services, context, &case, forwarded.subject)
    }

    fn judge(
        &self,
        services: &Services,
        context: &RequestContext,
        case: &Case<'_>,
        subject: Subject,
    ) -> Result<Response> {
        let Case { api, requirement, key, nginx, filled } = case;
        let question = Question {
            api,
            scopes: requirement.scopes,
            environment: requirement.environment,
            cost: requirement.cost,
            ip: context.ip,
        };
        let verdict = decide(services, key, &question, context.now)?;
        let caller = Caller { route: requirement.route, ..Caller::default() };
        log(services, context, Kind::ForwardAuth, &question, &verdict, subject, caller)?;
        match (verdict.code, verdict.known(), verdict.holds()) {
            (VerifyCode::Valid, Some(holder), Some(holds)) => Ok(passed(&verdict, holder, holds, *filled)),
            _ => Ok(refusal(&verdict.error(&question), context, Some(&verdict), *nginx)),
        }
    }
}

/// A credential and its requirement.
struct Case<'c> {
    api: &'c Arc<Api>,
    requirement: Requirement<'c>,
    key: &'c str,
    nginx: bool,
    filled: Filled,
}

/// Logs a decision about a caller without a good credential.
fn unidentified(
    services: &Services,
    context: &RequestContext,
    api: &Api,
    reason: Reason,
    subject: Subject,
) -> Result<()> {
    let outcome = if reason == Reason::Public { Outcome::Allowed } else { Outcome::Refused };
    let mut entry = Entry::new(context.now, Kind::ForwardAuth, outcome, reason);
    entry.api_no = Some(api.no);
    super::push(services, context, entry, subject)
}

/// Logs a refusal that does not depend on the credential, under the identity of a valid credential, and returns its
/// error.
fn refuse(
    services: &Services,
    context: &RequestContext,
    api: &Arc<Api>,
    subject: Subject,
    credential: Option<&str>,
    denied: Denied,
) -> Result<Error> {
    let Denied { reason, error } = denied;
    let mut entry = Entry::new(context.now, Kind::ForwardAuth, Outcome::Refused, reason);
    let known = match credential {
        Some(bearer) => recognise(services, bearer, api, context.now)?,
        None => None,
    };
    let Some(known) = known else {
        unidentified(services, context, api, reason, subject)?;
        return Ok(error);
    };
    super::name_identity(&mut entry, &known);
    entry.api_no = Some(api.no);
    entry.detail = Some(Box::new(json!({ "observed": error.message })));
    super::push(services, context, entry, subject)?;
    Ok(error)
}

/// The credential: `Authorization: Bearer`, or `X-API-Key` where the API takes it, never both. Cookies are ignored.
fn credential<'r>(headers: &'r HeaderMap, api: &Api) -> Result<Option<&'r str>> {
    let bearer = auth::bearer(headers)?;
    if !api.x_api_key {
        return Ok(bearer);
    }
    let mut keys = headers.get_all(API_KEY).iter();
    let Some(key) = keys.next() else { return Ok(bearer) };
    if bearer.is_some() || keys.next().is_some() {
        return Err(Error::new(
            Code::InvalidApiKey,
            "Send one credential: either Authorization or X-API-Key",
        ));
    }
    key.to_str().map(Some).map_err(|_| Error::new(Code::InvalidApiKey, "The provided API key is invalid"))
}

/// Public route: the request passes as anonymous, and its credential is ignored.
fn public() -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    IdentityHeaders::default().set(headers, Filled::ALL);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response
}

fn passed(verdict: &Verdict, holder: &Bearer, holds: &Grants, filled: Filled) -> Response {
    let mut buf = HeaderBuf::new();
    let identity = Headers::of(&mut buf, holder);
    let scopes = buf.text(&holds.text);
    let limits = limits::write(&mut buf, verdict);
    let values = buf.finish();
    let value = |span: Span| values.get(span);

    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.reserve(USUAL_HEADERS);
    let identity = IdentityHeaders {
        subject: identity.subject.map(value),
        kind: Some(identity.kind),
        key_id: identity.key.map(value),
        user_id: identity.user.map(value),
        client_id: identity.client.map(value),
        owner: identity.owner.map(value),
        environment: Some(if holder.environment() == Environment::Live { LIVE } else { TEST }),
        scopes: Some(values.get(scopes)),
    };
    identity.set(headers, filled);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if let Some(limits) = limits {
        limits::set(headers, &values, limits);
    }
    response
}

/// Positions of the identity of a credential's holder in the buffer.
struct Headers {
    kind: HeaderValue,
    subject: Option<Span>,
    key: Option<Span>,
    user: Option<Span>,
    client: Option<Span>,
    owner: Option<Span>,
}

impl Headers {
    fn of(buf: &mut HeaderBuf, holder: &Bearer) -> Self {
        match holder {
            Bearer::Key(entry) => {
                let key = Some(buf.text(&entry.id.encode()));
                let user = entry.user.map(|user| buf.text(&user.id.encode()));
                let owner = Some(buf.text(entry.owner.as_deref().unwrap_or_default()));
                Self { kind: KEY, subject: user.clone().or(key.clone()), key, user, client: None, owner }
            }
            Bearer::Token(identity) => {
                let user = identity.user.map(|(_, id, _)| buf.text(&id.encode()));
                let client = identity.client.map(|(_, id)| buf.text(&id.encode()));
                let kind = if identity.kind == IdentityKind::Session { SESSION } else { TOKEN };
                let subject = user.clone().or(client.clone());
                Self { kind, subject, key: None, user, client, owner: None }
            }
        }
    }
}

/// The response to a refused request, with the limits that refused it.
fn refusal(error: &Error, context: &RequestContext, verdict: Option<&Verdict>, nginx: bool) -> Response {
    let mut response = error::response(error, context.id);
    let status = response.status();
    let headers = response.headers_mut();
    IdentityHeaders::default().set(headers, Filled::ALL);
    headers.insert(ERROR, ascii_json(&error::envelope(error, context.id)));
    // `auth_request` passes 401 and 403 on and turns everything else into 500.
    let passed_on = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
    if nginx && status.is_client_error() && !passed_on {
        headers.insert(STATUS, HeaderValue::from(status.as_u16()));
        response.set_status(StatusCode::FORBIDDEN);
    }
    if let Some(verdict) = verdict {
        limits::set_refused(response.headers_mut(), verdict);
    }
    response
}
