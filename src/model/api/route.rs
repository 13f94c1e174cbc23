//! What forward-auth asks of which request.

use serde::{Deserialize, Serialize};

use super::Api;
use crate::model::activity::Method;
use crate::model::members::with_members;
use crate::model::{AskedEnvironment, RequestPath, RequestPathError, ScopeExpr};

with_members! { $ route_members
/// What `/v1/forward-auth` asks of a request with this method and path. The first match wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `GET`, `POST` and so on; `*` is any.
    pub method: String,
    /// `/v1/queries`, `/v1/queries/{id}` for any one segment, `/v1/*` for all that follows.
    pub path: String,
    /// What the credential must hold; null asks for a valid credential only.
    pub scope: Option<ScopeExpr>,
    /// Which keys may pass: `live`, `test` or `any`.
    #[serde(default)]
    pub environment: AskedEnvironment,
    /// How many requests it counts as.
    #[serde(default = "one")]
    pub cost: u32,
    /// Whether it needs no credential at all.
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
    /// Whether this route rules requests of this method. A rule about GET is one about HEAD too, since that is GET
    /// without the body (RFC 9110, section 9.3.2).
    pub fn rules_method(&self, method: Method) -> bool {
        self.method == "*"
            || self.method == method.as_str()
            || (method == Method::Head && self.method == Method::Get.as_str())
    }

    /// Whether both ask a request for the same.
    pub fn asks_like(&self, other: &Self) -> bool {
        (self.public, self.environment, self.cost) == (other.public, other.environment, other.cost)
            && self.scope == other.scope
    }
}

/// The route that a request meets.
#[derive(Debug, Clone, Copy)]
pub struct Met<'a> {
    /// Its place in the API's list, from 0.
    pub position: usize,
    /// The route.
    pub route: &'a Route,
}

impl Api {
    /// The path of a request, and the first route that covers it.
    ///
    /// # Errors
    /// A path that is not in its plain spelling: see [`RequestPath::of`]. A path that some service may read as that
    /// of an earlier route, which asks for something else: with `/v1/admin/*` before `/*`, the path `/V1/Admin/x` is
    /// refused.
    pub fn route_to<'r>(
        &self,
        method: Method,
        target: &'r str,
    ) -> Result<(RequestPath<'r>, Option<Met<'_>>), RequestPathError> {
        let path = RequestPath::of(target)?;
        let mut routes = self.routes.iter().enumerate().filter(|(_, route)| route.rules_method(method));
        let met = routes.find(|(_, route)| self.covers_path(route, &path));
        let Some((position, route)) = met else { return Ok((path, None)) };
        let earlier = self.routes[..position].iter().filter(|earlier| earlier.rules_method(method));
        if earlier.filter(|earlier| path.may_be(&earlier.path)).any(|earlier| !earlier.asks_like(route)) {
            return Err(OTHER_ROUTE);
        }
        Ok((path, Some(Met { position, route })))
    }

    /// Whether a route of this API covers a path.
    pub fn covers_path(&self, route: &Route, path: &RequestPath<'_>) -> bool {
        path.matches(&route.path, self.case_insensitive_paths)
    }
}
