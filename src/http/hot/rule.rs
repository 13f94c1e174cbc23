//! What a request needs: by the routes of the API or, for an API without routes, by the query of the proxy.

use super::forwarded_request::ForwardedRequest;
use super::query::Query;
use crate::error::{Code, Error};
use crate::http::auth;
use crate::http::context::RequestContext;
use crate::model::activity::Reason;
use crate::model::api::Route;
use crate::model::{Api, RequestedEnvironment, ScopeExpr, holds_key};

/// What a request needs.
pub(super) enum Rule<'a> {
    /// No credential.
    Public,
    /// A credential.
    Credential(Requirement<'a>),
}

/// What a credential must satisfy.
pub(super) struct Requirement<'a> {
    /// The scopes that it must hold; none requires no scope.
    pub(super) scopes: Option<&'a ScopeExpr>,
    pub(super) environment: RequestedEnvironment,
    /// Number of requests that this one counts as.
    pub(super) cost: u32,
    /// The route that makes the requirement; none for a query.
    pub(super) route: Option<&'a Route>,
}

/// A refusal that does not depend on the credential: the reason for the log, and the error of the response.
pub(super) struct Denied {
    pub(super) reason: Reason,
    pub(super) error: Error,
}

/// Finds the rule for a request.
///
/// # Errors
/// A key in the URL, a path without a route, or a forwarded request that is incomplete or not from a trusted proxy.
pub(super) fn find<'a>(
    api: &'a Api,
    query: &'a Query,
    request: &ForwardedRequest<'_>,
    context: &RequestContext,
) -> Result<Rule<'a>, Denied> {
    if holds_key(request.uri) {
        return Err(Denied { reason: Reason::InvalidRequest, error: auth::key_in_url() });
    }
    if api.routes.is_empty() {
        if query.scope.is_none() && !api.open {
            let text = "This API has no routes and is not open: name a scope in the question, or add routes";
            return Err(Denied { reason: Reason::NoRoute, error: Error::forbidden(text) });
        }
        return Ok(Rule::Credential(Requirement {
            scopes: query.scope.as_ref(),
            environment: query.environment.unwrap_or_default(),
            cost: 1,
            route: None,
        }));
    }
    refuse_query_rules(query)?;
    if !context.from_proxy {
        return Err(Denied {
            reason: Reason::Forbidden,
            error: Error::forbidden(
                "This API has routes, so its requests must come through a proxy of trusted_proxies",
            ),
        });
    }
    // The request of the proxy itself is always a GET, so a missing method must not count as GET.
    if !request.has_forwarded_method {
        let hint = "Let the proxy send it, or X-Original-Method, with the request's method";
        let error = Error::invalid("X-Forwarded-Method", hint);
        return Err(Denied { reason: Reason::InvalidRequest, error });
    }
    let route = route(api, request)?;
    if route.public {
        return Ok(Rule::Public);
    }
    Ok(Rule::Credential(Requirement {
        scopes: route.scope.as_ref(),
        environment: route.environment,
        cost: route.cost,
        route: Some(route),
    }))
}

/// Routes and query rules must not be combined: they would come to contradict each other.
fn refuse_query_rules(query: &Query) -> Result<(), Denied> {
    let name = match (&query.scope, query.environment) {
        (Some(_), _) => "scope",
        (None, Some(_)) => "environment",
        (None, None) => return Ok(()),
    };
    let hint =
        "This API has routes, which say what a request needs: take it out of the proxy's configuration";
    Err(Denied { reason: Reason::InvalidRequest, error: Error::invalid(name, hint) })
}

fn route<'a>(api: &'a Api, request: &ForwardedRequest<'_>) -> Result<&'a Route, Denied> {
    let no_route =
        |message: String| Denied { reason: Reason::NoRoute, error: Error::new(Code::Forbidden, message) };
    let (path, met) = api
        .route_to(request.method, request.uri)
        .map_err(|error| no_route(format!("The path is refused: {}", error.0)))?;
    met.map(|met| met.route).ok_or_else(|| {
        let name = format!("{} {}", request.method.as_str(), crate::model::redact(path.as_str()));
        no_route(format!("No route of this API matches {name}"))
    })
}
