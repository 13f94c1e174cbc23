//! The one place that looks at credentials. Handlers name what they need by an extractor's type: [`Anyone`],
//! [`Caller`], [`Allowed`] or [`Within`], so that none can forget to ask.

use std::sync::Arc;

use poem::http::{HeaderMap, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::context::RequestContext;
use super::cookie;
use super::oauth;
use crate::domain::identity::Services;
use crate::domain::identity::access::{Call, Can, Capability};
use crate::domain::identity::authenticate;
use crate::domain::identity::reach::Reach;
use crate::domain::identity::users::profile;
use crate::domain::identity::{sessions, tokens};
use crate::domain::policy;
use crate::domain::policy::Question;
use crate::error::{Code, Error, Result};
use crate::model::AskedEnvironment;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Principal, PrincipalKind};

/// Name of the security scheme in the OpenAPI document.
pub const SCHEME: &str = "bearer";

/// A call that needs no credential.
pub struct Anyone(pub Arc<Call>);

/// A call by somebody known.
pub struct Caller(pub Arc<Call>);

/// A call by somebody known, whichever API of this instance their credential is for.
pub struct Whoever(pub Arc<Call>);

/// A call by somebody who holds `C`.
pub struct Allowed<C>(pub Can<C>);

/// A call by somebody who holds `C`, or who signed in and reaches what is their own.
pub struct Within<C>(pub Reach<C>);

/// Finds out who is calling, and logs the decision.
///
/// # Errors
/// 401, 403 or 429 as the credential deserves.
pub fn authenticate(request: &Request) -> Result<Arc<Call>> {
    authenticate_by(request, identify)
}

fn authenticate_by(
    request: &Request,
    identify: fn(&Arc<Services>, &Request, &RequestContext) -> Result<Principal>,
) -> Result<Arc<Call>> {
    let context = RequestContext::get(request);
    let services = services(request);
    let principal = match identify(&services, request, &context) {
        Ok(principal) => principal,
        Err(error) => {
            log(&services, request, &context, &Principal::anonymous(), Some(&error))?;
            return Err(error);
        }
    };
    Ok(Arc::new(Call { principal, now: context.now, request: context.info(request), services }))
}

fn identify(services: &Arc<Services>, request: &Request, context: &RequestContext) -> Result<Principal> {
    if context.operator {
        return Ok(operator(services));
    }
    let Some(credential) = bearer(request.headers())? else {
        let cookie = cookie::get(services, request.headers()).ok_or_else(missing)?;
        return sessions::from_cookie(services, cookie, cookie::change(request), context.now);
    };
    if tokens::looks_like_jwt(credential) {
        return authenticate::token(services, credential, context.now);
    }
    let apis = services.catalog.get();
    let question = Question {
        key: credential,
        api: apis.built_in(),
        scopes: None,
        environment: AskedEnvironment::Live,
        cost: 1,
        ip: Some(context.ip),
    };
    policy::authenticate(services, &question, context.now)
}

/// [`identify`] for credentials of every API.
fn identify_any(services: &Arc<Services>, request: &Request, context: &RequestContext) -> Result<Principal> {
    match bearer(request.headers())? {
        Some(credential) if !context.operator => {
            profile::identify(services, credential, context.ip, context.now)
        }
        _ => identify(services, request, context),
    }
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

/// `INVALID_API_KEY` for a key that came in a URL.
pub fn key_in_url() -> Error {
    Error::new(
        Code::InvalidApiKey,
        "An API key stands in the URL, where logs keep it: rotate it, and send it in the Authorization header",
    )
}

/// `MISSING_API_KEY`.
pub fn missing() -> Error {
    Error::new(Code::MissingApiKey, "API key is required").with("header", "Authorization")
}

/// Whoever may open the data directory may do everything; the command line is that person.
fn operator(services: &Services) -> Principal {
    let apis = services.catalog.get();
    let own = apis.built_in();
    Principal {
        kind: PrincipalKind::Operator,
        api_no: Some(own.no),
        scopes: own.all_scopes(),
        ..Principal::anonymous()
    }
}

fn services(request: &Request) -> Arc<Services> {
    request.extensions().get::<Arc<Services>>().expect("the edge puts it there").clone()
}

/// One line about a call of our own API: passed, or why not.
fn log(
    services: &Services,
    request: &Request,
    context: &RequestContext,
    principal: &Principal,
    error: Option<&Error>,
) -> Result<()> {
    let (outcome, reason) = error.map_or((Outcome::Allowed, Reason::Valid), |error| reason_of(error.code));
    let own = services.catalog.get().built_in().no;
    if principal.kind == PrincipalKind::Anonymous
        && error.is_some_and(|error| !error.details.contains_key("key_id"))
    {
        return services.log.push_unidentified(context.now, Kind::ApiCall, reason, Some(own), context.ip);
    }
    let info = context.info(request);
    let mut entry = Entry::new(context.now, Kind::ApiCall, outcome, reason);
    entry.api_no = Some(own);
    entry.key_no = principal.key.map(|(no, _)| no);
    entry.user_no = principal.user.map(|(no, _, _)| no);
    entry.client_no = principal.client.map(|(no, _)| no);
    entry.grant_no = principal.grant.map(|(no, _)| no);
    entry.session_no = principal.session.map(|(no, _)| no);
    entry.ip = Some(info.ip);
    entry.method = Some(info.method);
    entry.path = Some(info.path);
    entry.agent = info.agent;
    entry.request_id = Some(info.id);
    services.log.push(entry)
}

/// How the log words a refusal.
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
        _ => Reason::InvalidRequest,
    };
    (Outcome::Refused, reason)
}

/// Finds out who is calling and whether they hold `C`, and logs the decision.
///
/// # Errors
/// As [`authenticate`], and 403.
pub fn allowed<C: Capability>(request: &Request) -> Result<Can<C>> {
    let call = authenticate(request)?;
    let can = Can::check(&call);
    log(&call.services, request, &RequestContext::get(request), &call.principal, can.as_ref().err())?;
    can
}

impl<'a> ApiExtractor<'a> for Anyone {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let context = RequestContext::get(request);
        Ok(Self(Arc::new(Call {
            principal: Principal::anonymous(),
            now: context.now,
            request: context.info(request),
            services: services(request),
        })))
    }
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, oauth::OAUTH2]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let call = authenticate(request)?;
        log(&call.services, request, &RequestContext::get(request), &call.principal, None)?;
        Ok(Self(call))
    }
}

impl<'a> ApiExtractor<'a> for Whoever {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, oauth::OAUTH2]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let call = authenticate_by(request, identify_any)?;
        log(&call.services, request, &RequestContext::get(request), &call.principal, None)?;
        Ok(Self(call))
    }
}

impl<'a, C: Capability> ApiExtractor<'a> for Allowed<C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, oauth::OAUTH2]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(allowed(request)?))
    }
}

impl<'a, C: Capability> ApiExtractor<'a> for Within<C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, oauth::OAUTH2]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let call = authenticate(request)?;
        let reach = Reach::of(&call);
        log(&call.services, request, &RequestContext::get(request), &call.principal, reach.as_ref().err())?;
        Ok(Self(reach?))
    }
}

fn register_scheme(registry: &mut Registry) {
    oauth::register_oauth2(registry);
    registry.create_security_scheme(
        SCHEME,
        MetaSecurityScheme {
            ty: "http",
            description: Some("An API key of Keywright's own API (`kw_live_…`), or an access token."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        },
    );
}
