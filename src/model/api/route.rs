//! Routes: the requirements of a request at forward-auth.

use serde::{Deserialize, Serialize};

use super::Api;
use crate::model::activity::Method;
use crate::model::members::with_members;
use crate::model::{RequestPath, RequestPathError, RequestedEnvironment, ScopeExpr};

with_members! { $ route_members
/// Requirement of requests at `/v1/forward-auth`; the first match decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Method such as `GET`, or `*` for any.
    pub method: String,
    /// `/v1/queries`, `/v1/queries/{id}` for any one segment, `/v1/*` for all that follows.
    pub path: String,
    /// Scope expression that the credential must satisfy; null requires a valid credential only.
    pub scope: Option<ScopeExpr>,
    /// Environment of the credential: `live`, `test` or `any`.
    #[serde(default)]
    pub environment: RequestedEnvironment,
    /// Cost in requests.
    #[serde(default = "one")]
    pub cost: u32,
    /// Whether no credential is needed.
    #[serde(default)]
    pub public: bool,
}
}

const fn one() -> u32 {
    1
}

const OTHER_ROUTE: RequestPathError = RequestPathError(
    "some services would read it as the path of another route: they ignore case, a slash or an extension at the end",
);

impl Route {
    /// Whether this route applies to requests of this method. A rule for GET applies to HEAD too, which is GET without
    /// the body (RFC 9110, section 9.3.2).
    pub fn rules_method(&self, method: Method) -> bool {
        self.method == "*"
            || self.method == method.as_str()
            || (method == Method::Head && self.method == Method::Get.as_str())
    }

    /// Whether both have the same requirements.
    pub fn asks_like(&self, other: &Self) -> bool {
        (self.public, self.environment, self.cost) == (other.public, other.environment, other.cost)
            && self.scope == other.scope
    }
}

/// The route that matches a request.
#[derive(Debug, Clone, Copy)]
pub struct RouteMatch<'a> {
    /// Index in the API's list, from 0.
    pub position: usize,
    /// The route.
    pub route: &'a Route,
}

impl Api {
    /// The path of a request, and the first route that covers it.
    ///
    /// # Errors
    /// A path that is not in its plain spelling: see [`RequestPath::of`]. A path that some service may read as that of
    /// an earlier route with another rule: with `/v1/admin/*` before `/*`, the path `/V1/Admin/x` is refused.
    pub fn route_to<'r>(
        &self,
        method: Method,
        target: &'r str,
    ) -> Result<(RequestPath<'r>, Option<RouteMatch<'_>>), RequestPathError> {
        let path = RequestPath::of(target)?;
        let mut routes = self.routes.iter().enumerate().filter(|(_, route)| route.rules_method(method));
        let met = routes.find(|(_, route)| self.covers_path(route, &path));
        let Some((position, route)) = met else { return Ok((path, None)) };
        let earlier = self.routes[..position].iter().filter(|earlier| earlier.rules_method(method));
        if earlier.filter(|earlier| path.may_be(&earlier.path)).any(|earlier| !earlier.asks_like(route)) {
            return Err(OTHER_ROUTE);
        }
        Ok((path, Some(RouteMatch { position, route })))
    }

    /// Whether a route of this API covers a path.
    pub fn covers_path(&self, route: &Route, path: &RequestPath<'_>) -> bool {
        path.matches(&route.path, self.case_insensitive_paths)
    }
}
