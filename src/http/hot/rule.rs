//! What a described request must show: the API's routes say it, or, where an API has none, the question's query.

use super::described::Described;
use super::query::Query;
use crate::error::{Code, Error};
use crate::http::auth;
use crate::http::context::RequestContext;
use crate::model::activity::Reason;
use crate::model::api::Route;
use crate::model::{Api, AskedEnvironment, ScopeExpr, holds_key};

/// What is asked of a request.
pub(super) enum Rule<'a> {
    /// Nothing.
    Public,
    /// A credential.
    Credential(Asked<'a>),
}

/// What is asked of a credential.
pub(super) struct Asked<'a> {
    /// What it must hold; none asks for nothing.
    pub(super) scopes: Option<&'a ScopeExpr>,
    pub(super) environment: AskedEnvironment,
    /// How many requests it counts as.
    pub(super) cost: u32,
    /// The route that says so, if it is one.
    pub(super) route: Option<&'a Route>,
}

/// Why no credential would do: what the log says, and what the caller hears.
pub(super) struct Hopeless {
    pub(super) reason: Reason,
    pub(super) error: Error,
}

/// Finds the rule for a request.
///
/// # Errors
/// A key in the URL; a path that no route rules; a description that nobody may give.
pub(super) fn find<'a>(
    api: &'a Api,
    query: &'a Query,
    described: &Described<'_>,
    context: &RequestContext,
) -> Result<Rule<'a>, Hopeless> {
    if holds_key(described.uri) {
        return Err(Hopeless { reason: Reason::InvalidRequest, error: auth::key_in_url() });
    }
    if api.routes.is_empty() {
        if query.scope.is_none() && !api.open {
            let text = "This API has no routes and is not open: name a scope in the question, or add routes";
            return Err(Hopeless { reason: Reason::NoRoute, error: Error::forbidden(text) });
        }
        return Ok(Rule::Credential(Asked {
            scopes: query.scope.as_ref(),
            environment: query.environment.unwrap_or_default(),
            cost: 1,
            route: None,
        }));
    }
    alone(query)?;
    if !context.from_proxy {
        return Err(Hopeless {
            reason: Reason::Forbidden,
            error: Error::forbidden(
                "This API has routes, so its requests must come through a proxy of trusted_proxies",
            ),
        });
    }
    // The question itself is always a GET: a proxy that forgot to say what was asked would open more than it should.
    if !described.says_method {
        let hint = "Let the proxy send it, or X-Original-Method, with the request's method";
        let error = Error::invalid("X-Forwarded-Method", hint);
        return Err(Hopeless { reason: Reason::InvalidRequest, error });
    }
    let route = route(api, described)?;
    if route.public {
        return Ok(Rule::Public);
    }
    Ok(Rule::Credential(Asked {
        scopes: route.scope.as_ref(),
        environment: route.environment,
        cost: route.cost,
        route: Some(route),
    }))
}

/// A rule in two places would sooner or later be two rules.
fn alone(query: &Query) -> Result<(), Hopeless> {
    let name = match (&query.scope, query.environment) {
        (Some(_), _) => "scope",
        (None, Some(_)) => "environment",
        (None, None) => return Ok(()),
    };
    let hint =
        "This API has routes, which say what a request needs: take it out of the proxy's configuration";
    Err(Hopeless { reason: Reason::InvalidRequest, error: Error::invalid(name, hint) })
}

fn route<'a>(api: &'a Api, described: &Described<'_>) -> Result<&'a Route, Hopeless> {
    let no_route =
        |message: String| Hopeless { reason: Reason::NoRoute, error: Error::new(Code::Forbidden, message) };
    let (path, met) = api
        .route_to(described.method, described.uri)
        .map_err(|error| no_route(format!("The path is refused: {}", error.0)))?;
    met.map(|met| met.route).ok_or_else(|| {
        let asked = format!("{} {}", described.method.as_str(), crate::model::redact(path.as_str()));
        no_route(format!("No route of this API lets {asked} pass"))
    })
}
