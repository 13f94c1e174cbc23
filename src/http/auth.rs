//! Reads the credential of a request and admits its caller. A handler names what it asks of its caller by the type of
//! its argument, so that none can forget to ask.

use std::sync::Arc;

use poem::http::{HeaderMap, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::context::RequestContext;
use super::{cookie, declared, oauth};
use crate::domain::identity::Services;
use crate::domain::identity::access::{Call, Can};
use crate::domain::identity::admission::{Accepts, Admission, Person};
use crate::domain::identity::authenticate::{Audience, Credential, Presented, authenticate};
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Identity, IdentityKind};

/// Name of bearer credentials in the OpenAPI document.
pub const BEARER: &str = "bearer";
/// Name of the session cookie in the OpenAPI document.
pub const COOKIE: &str = "cookie";

/// A caller that fits `A`.
pub struct Admitted<A>(pub A);

/// A call that needs no credential.
pub type Anyone = Admitted<Arc<Call>>;

/// A person who manages their own account.
pub type OwnAccount = Admitted<Person>;

/// A caller that holds the scope of `C`.
pub type Allowed<C> = Admitted<Can<C>>;

/// A caller that holds the scope of `C`, or a person who reaches what belongs to them.
pub type Within<C> = Admitted<SelfOrAll<C>>;

/// Authenticates the caller of a request, checks that it fits `A`, and logs the decision.
///
/// # Errors
/// 401, 403 or 429 as the credential deserves.
pub fn admit<A: Admission>(request: &Request) -> Result<A> {
    let context = RequestContext::get(request);
    let call = match A::ACCEPTS {
        // An endpoint without a credential of the built-in API decides and logs by itself.
        Accepts::Public | Accepts::Client | Accepts::OpenIdToken | Accepts::DescribedRequest => {
            return A::admit(&call(request, &context, Identity::anonymous()));
        }
        Accepts::Person | Accepts::Scope(_) | Accepts::ScopeOrPerson(_) => {
            authenticated(request, &context, Audience::BuiltIn)?
        }
        Accepts::AnyCredential => authenticated(request, &context, Audience::Any)?,
    };
    let admitted = A::admit(&call);
    log(&call.services, request, &context, &call.identity, admitted.as_ref().err())?;
    admitted
}

/// The call with the identity behind its credential; a refusal is logged.
fn authenticated(request: &Request, context: &RequestContext, audience: Audience) -> Result<Arc<Call>> {
    let services = services(request);
    let identified = credential(request, context, &services).and_then(|credential| {
        authenticate(&services, Presented { credential, ip: context.ip, now: context.now }, audience)
    });
    match identified {
        Ok(identity) => Ok(call(request, context, identity)),
        Err(error) => {
            log(&services, request, context, &Identity::anonymous(), Some(&error))?;
            Err(error)
        }
    }
}

/// The session that a request signs out of, if its access token still names one. Nothing is logged: a token that
/// has ended signs out as well as any.
pub fn session_to_end(request: &Request) -> Option<Arc<Call>> {
    let context = RequestContext::get(request);
    let credential = Credential::Bearer(bearer(request.headers()).ok()??);
    let presented = Presented { credential, ip: context.ip, now: context.now };
    let identity = authenticate(&services(request), presented, Audience::Any).ok()?;
    Some(call(request, &context, identity))
}

fn call(request: &Request, context: &RequestContext, identity: Identity) -> Arc<Call> {
    Call::new(services(request), identity, context.now, context.info(request))
}

/// The credential that a request presents: `Authorization` before a session cookie.
///
/// # Errors
/// `MISSING_API_KEY`, or `INVALID_API_KEY` for a header that cannot be read.
pub fn credential<'r>(
    request: &'r Request,
    context: &RequestContext,
    services: &Services,
) -> Result<Credential<'r>> {
    if context.operator {
        return Ok(Credential::Operator);
    }
    if let Some(bearer) = bearer(request.headers())? {
        return Ok(Credential::Bearer(bearer));
    }
    let cookie = cookie::get(services, request.headers()).ok_or_else(missing)?;
    Ok(Credential::Cookie(cookie, cookie::change(request)))
}

/// The bearer credential of a request (RFC 6750, section 2.1); none when there is no `Authorization`.
///
/// # Errors
/// `INVALID_API_KEY` for another scheme, several headers or unreadable bytes.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = || Error::new(Code::InvalidApiKey, "Send one header: Authorization: Bearer <API key>");
    if values.next().is_some() {
        return Err(invalid());
    }
    let text = value.to_str().map_err(|_| invalid())?;
    let (scheme, credential) = text.split_once(' ').ok_or_else(invalid)?;
    let credential = credential.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || credential.is_empty() {
        return Err(invalid());
    }
    Ok(Some(credential))
}

/// `INVALID_API_KEY` for a key in a URL.
pub fn key_in_url() -> Error {
    Error::new(
        Code::InvalidApiKey,
        "The URL holds an API key, and URLs are logged: rotate the key and send it in the Authorization header",
    )
}

/// `MISSING_API_KEY`.
pub fn missing() -> Error {
    Error::new(Code::MissingApiKey, "API key is required").with("header", "Authorization")
}

fn services(request: &Request) -> Arc<Services> {
    request.extensions().get::<Arc<Services>>().expect("the edge puts it there").clone()
}

/// The log entry of a call of the built-in API: passed, or the reason of its refusal.
fn log(
    services: &Services,
    request: &Request,
    context: &RequestContext,
    identity: &Identity,
    error: Option<&Error>,
) -> Result<()> {
    let (outcome, reason) = error.map_or((Outcome::Allowed, Reason::Valid), |error| reason_of(error.code));
    let own = services.catalog.get().built_in().no;
    let mut entry = Entry { outcome, ..refusal(request, context, Kind::ApiCall, reason) };
    entry.identified = identity.kind != IdentityKind::Anonymous;
    entry.api_no = Some(own);
    entry.key_no = identity.key.map(|(no, _)| no);
    entry.user_no = identity.user.map(|(no, _, _)| no);
    entry.client_no = identity.client.map(|(no, _)| no);
    entry.grant_no = identity.grant.map(|(no, _)| no);
    entry.session_no = identity.session.map(|(no, _)| no);
    services.log.push(entry)
}

/// The log entry of a refused request of an unidentified caller.
pub(super) fn refusal(request: &Request, context: &RequestContext, kind: Kind, reason: Reason) -> Entry {
    let info = context.info(request);
    let mut entry = Entry::new(context.now, kind, Outcome::Refused, reason);
    entry.ip = info.ip;
    entry.method = Some(info.method);
    entry.path = Some(info.path);
    entry.agent = info.agent;
    entry.request_id = Some(info.id);
    entry
}

/// The reason of a refusal for the log.
pub const fn reason_of(code: Code) -> (Outcome, Reason) {
    let reason = match code {
        Code::MissingApiKey => Reason::Missing,
        Code::InvalidApiKey => Reason::NotFound,
        Code::ExpiredApiKey | Code::ExpiredToken => Reason::Expired,
        Code::RevokedApiKey => Reason::Revoked,
        Code::DisabledApiKey => Reason::Disabled,
        Code::InvalidToken => Reason::InvalidToken,
        Code::InvalidCredentials => Reason::InvalidCredentials,
        Code::MfaRequired => Reason::MfaRequired,
        Code::InsufficientScope => Reason::InsufficientScope,
        Code::WrongEnvironment => Reason::WrongEnvironment,
        Code::WrongApi => Reason::WrongApi,
        Code::IpNotAllowed => Reason::IpNotAllowed,
        Code::Csrf => Reason::Csrf,
        Code::RateLimited => return (Outcome::Limited, Reason::RateLimited),
        Code::QuotaExceeded => return (Outcome::Limited, Reason::QuotaExceeded),
        Code::LockedOut => return (Outcome::Limited, Reason::LockedOut),
        Code::Forbidden => Reason::Forbidden,
        Code::ReauthenticationRequired => Reason::ReauthenticationRequired,
        _ => Reason::InvalidRequest,
    };
    (Outcome::Refused, reason)
}

impl<'a, A: Admission> ApiExtractor<'a> for Admitted<A> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        declared::words(A::ACCEPTS, A::RECENT)
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(admit(request)?))
    }
}

pub(super) fn register_scheme(registry: &mut Registry) {
    oauth::register_oauth2(registry);
    let scheme = |ty, description| MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    let bearer = "An API key of Keywright's own API (`kw_live_…`), or the access token of a session.";
    registry.create_security_scheme(
        BEARER,
        MetaSecurityScheme { scheme: Some("bearer"), ..scheme("http", bearer) },
    );
    let cookie = "The session of a browser. Requests that change anything send `X-CSRF-Token` too. Where `public_url` \
                  is plain http on this machine, the cookie is named `keywright`.";
    registry.create_security_scheme(
        COOKIE,
        MetaSecurityScheme {
            name: Some("__Host-keywright"),
            key_in: Some("cookie"),
            ..scheme("apiKey", cookie)
        },
    );
}
