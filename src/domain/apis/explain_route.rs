//! Explains which route matches a request.

use std::sync::Arc;

use super::find;
use crate::domain::identity::access::{ApisRead, Can};
use crate::error::Result;
use crate::model::activity::Method;
use crate::model::api::Route;
use crate::model::{Api, RequestPath};

/// Result of a test: the requirements of a request.
#[derive(Debug, Clone)]
pub struct RouteExplanation {
    /// The API, with its routes.
    pub api: Arc<Api>,
    /// Normal form of the path; none if the path is refused.
    pub path: Option<String>,
    /// Result of each route, in order.
    pub steps: Vec<Step>,
    /// One sentence for people.
    pub message: String,
}

/// Result of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It matches.
    Matched,
    /// It is for other methods.
    OtherMethod,
    /// It is for other paths.
    OtherPath,
    /// An earlier route matched, or the path is refused.
    NotReached,
}

impl RouteExplanation {
    /// The matching route.
    pub fn route(&self) -> Option<(usize, &Route)> {
        let position = self.steps.iter().position(|step| *step == Step::Matched)?;
        self.api.routes.get(position).map(|route| (position, route))
    }
}

/// Matches a request with an API's routes. No credential is judged, no limit charged, no decision logged.
///
/// # Errors
/// `NOT_FOUND`.
pub fn explain_route(
    can: &Can<ApisRead>,
    slug_or_id: &str,
    method: Method,
    uri: &str,
) -> Result<RouteExplanation> {
    let api = find(&can.services, slug_or_id)?;
    let path = match api.route_to(method, uri) {
        Ok((path, _)) => path,
        Err(error) => {
            let (steps, message) = (vec![Step::NotReached; api.routes.len()], error.0);
            let message = format!("The path is refused, whatever the credential: {message}.");
            return Ok(RouteExplanation { api, path: None, steps, message });
        }
    };
    let mut reached = true;
    let steps: Vec<Step> = api
        .routes
        .iter()
        .map(|route| {
            let step = step(&api, route, method, &path, reached);
            reached &= step != Step::Matched;
            step
        })
        .collect();
    let mut trial = RouteExplanation {
        path: Some(path.as_str().to_owned()),
        steps,
        message: String::new(),
        api: api.clone(),
    };
    trial.message = sentence(&api, trial.route().map(|(_, route)| route));
    Ok(trial)
}

fn step(api: &Api, route: &Route, method: Method, path: &RequestPath<'_>, reached: bool) -> Step {
    match (reached, route.rules_method(method), api.covers_path(route, path)) {
        (false, ..) => Step::NotReached,
        (true, true, true) => Step::Matched,
        (true, _, false) => Step::OtherPath,
        (true, false, true) => Step::OtherMethod,
    }
}

fn sentence(api: &Api, route: Option<&Route>) -> String {
    let Some(route) = route else {
        let text = match (api.routes.is_empty(), api.open) {
            (true, true) => {
                "This API is open: needs any valid credential, or the scope in the proxy's request."
            }
            (true, false) => {
                "This API has no routes and is not open: needs the scope in the proxy's request."
            }
            (false, _) => "Refused, whatever the credential: no route matches.",
        };
        return text.to_owned();
    };
    if route.public {
        return "Passes without a credential.".to_owned();
    }
    let holds = route.scope.as_ref().map_or(String::new(), |scope| format!(" that holds {}", scope.as_str()));
    let environment = route.environment.only().map_or(String::new(), |only| format!(" {only}"));
    let cost =
        if route.cost == 1 { String::new() } else { format!(" It counts as {} requests.", route.cost) };
    format!("Needs a{environment} credential{holds}.{cost}")
}
