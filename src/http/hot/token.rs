//! `/v1/forward-auth` for an access token or a session.

use poem::Response;
use poem::http::{HeaderValue, header};
use serde_json::Value;

use super::forward_auth::{
    CLIENT_ID, ENVIRONMENT, KEY_ID, KIND, LIVE, NO_STORE, NONE, OWNER, SCOPES, SUBJECT, USER_ID, refused,
};
use super::sheet::Sheet;
use super::{Subject, limits};
use crate::domain::identity::Services;
use crate::domain::policy::{Question, TokenVerdict};
use crate::error::{Error, Result};
use crate::http::auth::reason_of;
use crate::http::context::RequestContext;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::api::Route;
use crate::model::{Identity, IdentityKind};

const TOKEN: HeaderValue = HeaderValue::from_static("token");
const SESSION: HeaderValue = HeaderValue::from_static("session");

/// Answers with a verdict, and logs it.
pub(super) fn answer(
    services: &Services,
    context: &RequestContext,
    question: &Question<'_>,
    verdict: &TokenVerdict,
    subject: Subject,
    route: Option<&Route>,
    nginx: bool,
) -> Result<Response> {
    log(services, context, question, verdict, subject, route)?;
    Ok(match (&verdict.refusal, &verdict.identity) {
        (None, Some(identity)) => passed(question, verdict, identity),
        (refusal, _) => {
            let error = refusal.clone().unwrap_or_else(Error::invalid_token);
            let mut response = refused(&error, context, nginx);
            if let Some(seconds) = error.retry_after_seconds {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            set_limits(&mut response, question, verdict);
            response
        }
    })
}

fn set_limits(response: &mut Response, question: &Question<'_>, verdict: &TokenVerdict) {
    let Some(rate) = &verdict.rate else { return };
    let name = rate.tier.map_or("", |at| question.api.tiers[at].name.as_str());
    let mut sheet = Sheet::new();
    if let Some(limits) = limits::write_rate(&mut sheet, rate, name) {
        limits::set(response.headers_mut(), &sheet.finish(), limits);
    }
}

fn passed(question: &Question<'_>, verdict: &TokenVerdict, identity: &Identity) -> Response {
    let mut sheet = Sheet::new();
    let user = identity.user.map(|(_, id, _)| sheet.text(&id.encode()));
    let client = identity.client.map(|(_, id)| sheet.text(&id.encode()));
    let scopes = sheet.text(&identity.scopes.to_string());
    let values = sheet.finish();
    let or_none = |place| values.get(place);
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(SUBJECT, user.clone().or(client.clone()).map_or(NONE, or_none));
    headers.insert(KIND, if identity.kind == IdentityKind::Session { SESSION } else { TOKEN });
    headers.insert(KEY_ID, NONE);
    headers.insert(USER_ID, user.map_or(NONE, or_none));
    headers.insert(CLIENT_ID, client.map_or(NONE, or_none));
    headers.insert(OWNER, NONE);
    headers.insert(ENVIRONMENT, LIVE);
    headers.insert(SCOPES, values.get(scopes));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    set_limits(&mut response, question, verdict);
    response
}

fn log(
    services: &Services,
    context: &RequestContext,
    question: &Question<'_>,
    verdict: &TokenVerdict,
    subject: Subject,
    route: Option<&Route>,
) -> Result<()> {
    let refused = verdict.refusal.as_ref();
    let (outcome, reason) = refused.map_or((Outcome::Allowed, Reason::Valid), |error| reason_of(error.code));
    let (kind, api_no) = (Kind::ForwardAuth, Some(question.api.no));
    let mut entry = Entry::new(context.now, kind, outcome, reason);
    entry.api_no = api_no;
    if let Some(identity) = &verdict.identity {
        entry.detail = refused.and_then(|error| seen(error, route));
        name_of(&mut entry, identity);
    }
    super::push(services, context, entry, subject)
}

/// What a refusal was about, for the log's readers.
fn seen(error: &Error, route: Option<&Route>) -> Option<Box<Value>> {
    let mut seen = error.details.clone();
    if let Some(route) = route {
        seen.insert("route".to_owned(), super::shown(route).into());
    }
    (!seen.is_empty()).then(|| Box::new(Value::Object(seen)))
}

/// Names the identity of a request in its log entry.
pub(super) fn name_of(entry: &mut Entry, identity: &Identity) {
    entry.identified = true;
    entry.key_no = identity.key.map(|(no, _)| no);
    entry.user_no = identity.user.map(|(no, ..)| no);
    entry.client_no = identity.client.map(|(no, _)| no);
    entry.grant_no = identity.grant.map(|(no, _)| no);
    entry.session_no = identity.session.map(|(no, _)| no);
}
