//! Trying a request on an API's routes.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::domain::apis::{Step, Trial};
use crate::model::api::Route;

/// A request to try.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct RouteTest {
    /// Its method.
    pub method: String,
    /// Its path, or its whole URI: `/v1/queries?limit=10`.
    pub uri: String,
}

/// What forward-auth would ask of it.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct RouteTested {
    /// Whether it needs no credential, a credential, or is refused with any.
    pub decision: RouteDecision,
    /// One sentence for people.
    pub message: String,
    /// The path as routes see it: decoded, without `//`, dot segments and a slash at its end; null where it is
    /// refused as it stands.
    #[oai(nullable)]
    pub path: Option<String>,
    /// The route that it meets.
    #[oai(nullable)]
    pub route: Option<Route>,
    /// That route's place in the list, from 0.
    #[oai(nullable)]
    pub position: Option<u32>,
    /// How each route went, in order.
    pub steps: Vec<RouteStep>,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RouteDecision {
    /// Nothing.
    Public,
    /// A credential that fits the route, or the proxy's query where there are no routes.
    Credential,
    /// Nothing helps.
    Refused,
}

/// How one route went.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct RouteStep {
    /// Its method.
    pub method: String,
    /// Its path pattern.
    pub path: String,
    /// How it went.
    pub result: RouteResult,
}

/// How a route went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RouteResult {
    /// It rules the request.
    Matched,
    /// It is about other methods.
    OtherMethod,
    /// It is about other paths.
    OtherPath,
    /// One before it matched, or the path is refused.
    NotReached,
}

impl From<Trial> for RouteTested {
    fn from(trial: Trial) -> Self {
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
