//! What forward-auth asks of which request.

use serde::{Deserialize, Serialize};

use super::Api;
use crate::model::activity::Method;
use crate::model::request_path::{RequestPathError, TWOFOLD};
use crate::model::{Environment, RequestPath, ScopeExpr};

/// What forward-auth asks of a request; the first match wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `GET`, …, or `*`.
    pub method: String,
    /// A path pattern: `/v1/queries`, `/v1/queries/{id}`, `/v1/*`.
    pub path: String,
    /// What the credential must hold; none asks for a valid credential only.
    pub scope: Option<ScopeExpr>,
    /// Which environment the credential must be of; none takes either. Written as `live` (the default), `test` or
    /// `any`.
    #[serde(default = "live", with = "asked_environment")]
    pub environment: Option<Environment>,
    /// How many requests it counts as.
    #[serde(default = "one")]
    pub cost: u32,
    /// Needs no credential.
    #[serde(default)]
    pub public: bool,
}

const fn live() -> Option<Environment> {
    Some(Environment::Live)
}

const fn one() -> u32 {
    1
}

mod asked_environment {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::model::{AskedEnvironment, Environment};

    pub(super) fn serialize<S: Serializer>(only: &Option<Environment>, to: S) -> Result<S::Ok, S::Error> {
        AskedEnvironment::from(*only).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Environment>, D::Error> {
        AskedEnvironment::deserialize(from).map(AskedEnvironment::only)
    }
}

impl Route {
    /// Whether this route rules the request. A rule about GET is one about HEAD too, since that is GET without the
    /// body (RFC 9110, section 9.3.2).
    pub fn rules(&self, method: Method, path: &RequestPath<'_>) -> bool {
        self.rules_method(method) && path.matches(&self.path)
    }

    /// Whether this route rules requests of this method.
    pub fn rules_method(&self, method: Method) -> bool {
        self.method == "*"
            || self.method == method.as_str()
            || (method == Method::Head && self.method == Method::Get.as_str())
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
    /// The path of a request, and the first route that rules it.
    ///
    /// # Errors
    /// What services read in two ways: see [`RequestPath::of`]. A proxy passes on what the client wrote, so a path is
    /// refused too if another of the routes would rule it as a service may read it: `/v1/team/../queries` is for a
    /// service that goes by what it begins with not the same as `/v1/queries`.
    pub fn route_to<'r>(
        &self,
        method: Method,
        uri: &'r str,
    ) -> Result<(RequestPath<'r>, Option<Met<'_>>), RequestPathError> {
        let path = RequestPath::of(uri)?;
        let met = self.route(method, &path);
        let found = met.map(|met| met.position);
        let others = RequestPath::other_readings(uri).filter_map(|other| self.route(method, &other));
        if others.map(|met| met.position).any(|other| Some(other) != found) {
            return Err(TWOFOLD);
        }
        Ok((path, met))
    }

    fn route(&self, method: Method, path: &RequestPath<'_>) -> Option<Met<'_>> {
        let mut routes = self.routes.iter().enumerate();
        routes.find(|(_, route)| route.rules(method, path)).map(|(position, route)| Met { position, route })
    }
}
