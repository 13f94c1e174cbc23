//! The request that a proxy forwards for a decision. Forwarding headers count only from a trusted proxy; otherwise the
//! request itself is judged.

use poem::Request;
use poem::http::{HeaderMap, HeaderName};

use super::Subject;
use crate::error::{Error, Result};
use crate::http::context::{RequestContext, clip, method};
use crate::http::proxy_config::stripped::looks_like_identity;
use crate::model::activity::Method;

/// The name of a header in Caddy and Traefik, and in nginx.
struct Names {
    first: HeaderName,
    second: HeaderName,
}

const URI: Names = Names {
    first: HeaderName::from_static("x-forwarded-uri"),
    second: HeaderName::from_static("x-original-uri"),
};
const METHOD: Names = Names {
    first: HeaderName::from_static("x-forwarded-method"),
    second: HeaderName::from_static("x-original-method"),
};
const USER_AGENT: HeaderName = poem::http::header::USER_AGENT;

/// A request to decide about.
pub(super) struct ForwardedRequest<'r> {
    /// The part of it that is logged.
    pub(super) subject: Subject,
    /// Its method: the forwarded one, or that of the request itself.
    pub(super) method: Method,
    /// Whether the proxy forwarded a method.
    pub(super) has_forwarded_method: bool,
    /// Its URI as the proxy received it, or that of the request itself.
    pub(super) uri: &'r str,
}

/// Reads the forwarded request.
///
/// # Errors
/// `INVALID_REQUEST` when a trusted proxy does not forward the URI, or forwards a header twice.
pub(super) fn read<'r>(request: &'r Request, context: &RequestContext) -> Result<ForwardedRequest<'r>> {
    let headers = request.headers();
    let (forwarded, uri) = if context.from_proxy {
        let uri = URI.only(headers)?.ok_or_else(|| {
            Error::invalid(
                "X-Forwarded-Uri",
                "Let the proxy send it, or X-Original-URI, with the request's URI",
            )
        })?;
        refuse_look_alikes(headers)?;
        (METHOD.only(headers)?.map(forwarded_method).transpose()?, uri)
    } else {
        (None, request.uri().path_and_query().map_or("/", |own| own.as_str()))
    };
    let method = forwarded.unwrap_or_else(|| known_method(request));
    let subject = Subject {
        ip: context.ip,
        method: Some(method),
        path: Some(clip(path_of(uri))),
        agent: headers.get(USER_AGENT).map(|agent| match agent.to_str() {
            Ok(text) => clip(text),
            Err(_) => clip(&String::from_utf8_lossy(agent.as_bytes())),
        }),
    };
    Ok(ForwardedRequest { subject, method, has_forwarded_method: forwarded.is_some(), uri })
}

/// Only Keywright sets `X-Auth-…`: a proxy that does not remove a header of the client would pass it on to the service.
fn refuse_look_alikes(headers: &HeaderMap) -> Result<()> {
    match headers.keys().find(|name| looks_like_identity(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            Err(Error::invalid(name.as_str(), "Leave it out: only Keywright sets headers that begin so"))
        }
    }
}

/// Methods are case-sensitive (RFC 9110, section 9.1), but several frameworks turn `get` into `GET`.
fn forwarded_method(name: &str) -> Result<Method> {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(Error::invalid("method", "Write the method in upper case, for example GET"));
    }
    match method(name) {
        // These methods address proxies (RFC 9110, sections 9.3.6 and 9.3.8), not services.
        Method::Connect | Method::Trace => {
            Err(Error::invalid("method", "CONNECT and TRACE do not pass to a service behind a proxy"))
        }
        other => Ok(other),
    }
}

fn known_method(request: &Request) -> Method {
    method(request.method().as_str())
}

/// The path of a URI. A query may hold secrets and is not logged.
fn path_of(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}

impl Names {
    /// The value of either header.
    fn only<'r>(&self, headers: &'r HeaderMap) -> Result<Option<&'r str>> {
        let mut values = headers.get_all(&self.first).iter().chain(headers.get_all(&self.second));
        let Some(value) = values.next() else { return Ok(None) };
        let name = self.first.as_str();
        if values.next().is_some() {
            return Err(Error::invalid(
                name,
                "The header came twice; the proxy must replace the header of the client",
            ));
        }
        value.to_str().map(Some).map_err(|_| Error::invalid(name, "It is not ASCII"))
    }
}
