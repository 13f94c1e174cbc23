//! The request that a proxy asks about. Its headers mean something only when the peer is one of our proxies; from
//! anybody else they are the sender's own words, and the request is described by itself.

use poem::Request;
use poem::http::{HeaderMap, HeaderName};

use super::Subject;
use crate::error::{Error, Result};
use crate::http::context::{RequestContext, clip, method};
use crate::http::proxy_config::stripped::looks_like_identity;
use crate::model::activity::Method;

/// Caddy's and Traefik's name and nginx's for the same.
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

/// A request that is asked about.
pub(super) struct Described<'r> {
    /// What the log keeps of it.
    pub(super) subject: Subject,
    /// Its method: the described one, or the asker's own where none is described.
    pub(super) method: Method,
    /// Whether the method was described.
    pub(super) says_method: bool,
    /// Its URI as the proxy got it, or the asker's own.
    pub(super) uri: &'r str,
}

/// Reads the described request.
///
/// # Errors
/// `INVALID_REQUEST` when one of our proxies does not say, or says twice, which request it is.
pub(super) fn read<'r>(request: &'r Request, context: &RequestContext) -> Result<Described<'r>> {
    let headers = request.headers();
    let (described, uri) = if context.from_proxy {
        let uri = URI.only(headers)?.ok_or_else(|| {
            Error::invalid(
                "X-Forwarded-Uri",
                "Let the proxy send it, or X-Original-URI, with the request's URI",
            )
        })?;
        refuse_look_alikes(headers)?;
        (METHOD.only(headers)?.map(described_method).transpose()?, uri)
    } else {
        (None, request.uri().path_and_query().map_or("/", |own| own.as_str()))
    };
    let method = described.unwrap_or_else(|| known_method(request));
    let subject = Subject {
        ip: context.ip,
        method: Some(method),
        path: Some(clip(path_of(uri))),
        agent: headers.get(USER_AGENT).map(|agent| match agent.to_str() {
            Ok(text) => clip(text),
            Err(_) => clip(&String::from_utf8_lossy(agent.as_bytes())),
        }),
    };
    Ok(Described { subject, method, says_method: described.is_some(), uri })
}

/// Only Keywright sets `X-Auth-…`: what the proxy did not remove, it would pass on to the service.
fn refuse_look_alikes(headers: &HeaderMap) -> Result<()> {
    match headers.keys().find(|name| looks_like_identity(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            Err(Error::invalid(name.as_str(), "Leave it out: only Keywright sets headers that begin so"))
        }
    }
}

/// Methods are case-sensitive (RFC 9110, section 9.1), and several frameworks turn `get` into `GET` all the same.
fn described_method(name: &str) -> Result<Method> {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(Error::invalid("method", "Write the method in upper case, for example GET"));
    }
    match method(name) {
        // They are for proxies (RFC 9110, sections 9.3.6 and 9.3.8): no service behind one serves them.
        Method::Connect | Method::Trace => {
            Err(Error::invalid("method", "CONNECT and TRACE do not pass to a service behind a proxy"))
        }
        other => Ok(other),
    }
}

fn known_method(request: &Request) -> Method {
    method(request.method().as_str())
}

/// A URI's path: a query may hold secrets and has no place in a log.
fn path_of(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}

impl Names {
    /// The one value under either name.
    fn only<'r>(&self, headers: &'r HeaderMap) -> Result<Option<&'r str>> {
        let mut values = headers.get_all(&self.first).iter().chain(headers.get_all(&self.second));
        let Some(value) = values.next() else { return Ok(None) };
        let name = self.first.as_str();
        if values.next().is_some() {
            return Err(Error::invalid(name, "It came twice; the proxy must replace what the client sent"));
        }
        value.to_str().map(Some).map_err(|_| Error::invalid(name, "It is not ASCII"))
    }
}
