//! Testing a request against the routes of an API.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::domain::apis::{RouteExplanation, Step};
use crate::model::api::Route;

/// A request to test.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct RouteTest {
    /// Its method.
    pub method: String,
    /// Its path, or its whole URI: `/v1/queries?limit=10`.
    pub uri: String,
}

/// The result: what forward-auth would require.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct RouteTested {
    /// Whether the request needs no credential, needs one, or is refused with any.
    pub decision: RouteDecision,
    /// One sentence for people.
    pub message: String,
    /// The decoded path that is matched against routes; null where the path itself is refused.
    #[oai(nullable)]
    pub path: Option<String>,
    /// The route that matches.
    #[oai(nullable)]
    pub route: Option<Route>,
    /// The position of that route in the list, from 0.
    #[oai(nullable)]
    pub position: Option<u32>,
    /// The result of each route, in order.
    pub steps: Vec<RouteStep>,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RouteDecision {
    /// No credential.
    Public,
    /// A credential that satisfies the route or, for an API without routes, the query of the proxy.
    Credential,
    /// Refused, whatever the credential.
    Refused,
}

/// The result of one route.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct RouteStep {
    /// Its method.
    pub method: String,
    /// Its path pattern.
    pub path: String,
    /// The result.
    pub result: RouteResult,
}

/// The result of matching a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RouteResult {
    /// It applies to the request.
    Matched,
    /// Its method differs.
    OtherMethod,
    /// Its path differs.
    OtherPath,
    /// An earlier route matched, or the path is refused.
    NotReached,
}

impl From<RouteExplanation> for RouteTested {
    fn from(trial: RouteExplanation) -> Self {
        let met = trial.route();
        let decision = match met {
            Some((_, route)) if route.public => RouteDecision::Public,
            Some(_) => RouteDecision::Credential,
            None if trial.api.routes.is_empty() && trial.path.is_some() => RouteDecision::Credential,
            None => RouteDecision::Refused,
        };
        let steps = trial.api.routes.iter().zip(&trial.steps).map(|(route, step)| RouteStep {
            method: route.method.clone(),
            path: route.path.clone(),
            result: (*step).into(),
        });
        Self {
            decision,
            route: met.map(|(_, route)| route.clone()),
            position: met.and_then(|(position, _)| u32::try_from(position).ok()),
            steps: steps.collect(),
            message: trial.message,
            path: trial.path,
        }
    }
}

impl From<Step> for RouteResult {
    fn from(step: Step) -> Self {
        match step {
            Step::Matched => Self::Matched,
            Step::OtherMethod => Self::OtherMethod,
            Step::OtherPath => Self::OtherPath,
            Step::NotReached => Self::NotReached,
        }
    }
}
