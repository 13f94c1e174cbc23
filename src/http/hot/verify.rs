//! `POST /v1/keys/verify`: decides about a key for a program.

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use poem::http::{HeaderValue, Method as HttpMethod, header};
use poem::{Request, Response};

use super::verify_request::VerifyRequest;
use super::verify_response::VerifyResponse;
use super::{Caller, Hot, Subject, log};
use crate::domain::identity::Services;
use crate::domain::identity::access::{Can, Capability, KeysVerify};
use crate::domain::policy::Question;
use crate::error::{Code, Error, Result};
use crate::http::context::{RequestContext, clip, method};
use crate::http::{auth, error, json};
use crate::model::activity::Kind;
use crate::model::{RequestedEnvironment, ScopeExpr, VerifyCode};

const ALLOW: HeaderValue = HeaderValue::from_static("POST");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Largest body, in bytes. A scope expression of 1,000 characters fits easily.
const BODY_BYTES: usize = 16 << 10;
/// Largest cost of one request.
const MAX_COST: u32 = 1_000_000_000;

impl Hot {
    /// Answers 200 to every valid request, whatever the verdict.
    pub(super) async fn verify(
        &self,
        services: &Arc<Services>,
        request: &mut Request,
        context: &RequestContext,
    ) -> poem::Result<Response> {
        if *request.method() != HttpMethod::POST {
            return Err(error::method_not_allowed(&ALLOW));
        }
        let caller = match key_caller(services, request, context)? {
            Some(caller) => caller,
            None => other_caller(services, request, context)?,
        };
        let body = read(request).await?;
        services.log.capacity().await?;
        Ok(self.answer_body(services, context, caller, body.as_ref())?)
    }
}

/// The usual caller: a valid management key with the scope.
fn key_caller(
    services: &Services,
    request: &Request,
    context: &RequestContext,
) -> Result<Option<Caller<'static>>> {
    let Ok(Some(key)) = auth::bearer(request.headers()) else { return Ok(None) };
    let apis = services.catalog.get();
    let own = apis.built_in();
    let question =
        Question { api: own, scopes: None, environment: RequestedEnvironment::Live, cost: 1, ip: context.ip };
    let verdict = services.engine.ask(services, key, &question, context.now)?;
    let holds = verdict.holds().filter(|_| verdict.code == VerifyCode::Valid);
    let may_ask = holds.is_some_and(|holds| own.satisfies(&holds.set, KeysVerify::SCOPE));
    let key = verdict.known_entry().filter(|_| may_ask);
    Ok(key.map(|key| Caller { key_no: Some(key.no), user_no: key.user.map(|user| user.no), route: None }))
}

/// Every other caller is admitted as on all other routes, which also logs refusals.
fn other_caller(
    services: &Arc<Services>,
    request: &mut Request,
    context: &RequestContext,
) -> Result<Caller<'static>> {
    request.extensions_mut().insert(*context);
    request.extensions_mut().insert(services.clone());
    let call = auth::admit::<Can<KeysVerify>>(request)?;
    Ok(Caller {
        key_no: call.identity.key.map(|(no, _)| no),
        user_no: call.identity.user.map(|(no, _, _)| no),
        route: None,
    })
}

/// Reads the body. A body in one piece, the usual case, is not copied.
async fn read(request: &mut Request) -> Result<impl AsRef<[u8]> + use<>> {
    json::check_content_type(request)?;
    let mut pieces = pin!(request.take_body().into_bytes_stream());
    let broken = |_| Error::invalid("body", "The body ended early");
    let Some(first) = pieces.next().await.transpose().map_err(broken)? else {
        return Err(Error::invalid("body", "A JSON body is needed"));
    };
    let mut whole: Vec<u8> = Vec::new();
    let mut size = first.len();
    while let Some(piece) = pieces.next().await.transpose().map_err(broken)? {
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        size += piece.len();
        if size > BODY_BYTES {
            break;
        }
        whole.extend_from_slice(&piece);
    }
    if size > BODY_BYTES {
        return Err(Error::new(Code::TooLarge, format!("The body may have at most {BODY_BYTES} bytes"))
            .with("limit_bytes", BODY_BYTES));
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

impl Hot {
    fn answer_body(
        &self,
        services: &Services,
        context: &RequestContext,
        caller: Caller<'_>,
        body: &[u8],
    ) -> Result<Response> {
        json::refuse_nul(body)?;
        // A body that cannot be parsed is parsed again, for an error that names the field.
        let body: VerifyRequest<'_> = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(_) => json::parse(body)?,
        };
        let apis = services.catalog.get();
        let api = apis
            .by_slug(&body.api.0)
            .ok_or_else(|| Error::invalid("api", "There is no API of this slug on this instance"))?;
        let scopes = body.scopes.map(|text| self.expressions.get(&text.0, ScopeExpr::parse)).transpose();
        let scopes = scopes.map_err(|error| Error::invalid("scopes", error.to_string()))?;
        let cost = body.cost.unwrap_or(1);
        if !(1..=MAX_COST).contains(&cost) {
            return Err(Error::invalid("cost", "Use a number from 1 to 1,000,000,000"));
        }
        let forwarded = body.request.unwrap_or_default();
        let ip = forwarded.ip.map(|address| address.0);
        let question = Question {
            api,
            scopes: scopes.as_deref(),
            environment: body.environment.unwrap_or_default(),
            cost,
            ip,
        };
        let verdict = services.engine.ask(services, &body.key.0, &question, context.now)?;
        let subject = Subject {
            ip: ip.or(context.ip),
            method: forwarded.method.map(|name| method(&name.0)),
            path: forwarded.path.map(|path| clip(path.0.split(['?', '#']).next().unwrap_or_default())),
            agent: forwarded.user_agent.map(|agent| clip(&agent.0)),
        };
        log(services, context, Kind::KeyVerify, &question, &verdict, subject, caller)?;
        let checks = body.explain.unwrap_or(false).then(|| verdict.checks(&question));
        let answer = VerifyResponse::of(&verdict, &api.slug, checks.as_deref(), context.id, context.now);
        let mut response = Response::from(answer.to_json());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        Ok(response)
    }
}
