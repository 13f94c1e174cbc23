//! Which route a request meets.

use super::*;
use crate::model::activity::Method;
use crate::model::{RequestPath, ScopeExpr};

pub(super) fn route(method: &str, path: &str, scope: &str) -> Route {
    Route {
        method: method.to_owned(),
        path: path.to_owned(),
        scope: Some(scope.parse().unwrap()),
        environment: RequestedEnvironment::Any,
        cost: 1,
        public: false,
    }
}

#[test]
fn a_route_rules_its_method_and_get_rules_head() {
    for (method, ruled) in [
        ("GET", &[Method::Get, Method::Head][..]),
        ("HEAD", &[Method::Head]),
        ("POST", &[Method::Post]),
        ("*", Method::ALL),
    ] {
        let route = route(method, "/", "read");
        for &asked in Method::ALL {
            assert_eq!(route.rules_method(asked), ruled.contains(&asked), "{method} {asked:?}");
        }
    }
}

#[test]
fn routes_that_differ_in_one_demand_do_not_ask_alike() {
    let one = route("GET", "/a", "read");
    assert!(one.asks_like(&route("POST", "/b", "read")));
    for other in [
        route("GET", "/a", "write"),
        Route { public: true, ..one.clone() },
        Route { cost: 2, ..one.clone() },
        Route { environment: RequestedEnvironment::Test, ..one.clone() },
    ] {
        assert!(!one.asks_like(&other), "{other:?}");
    }
}

#[test]
fn the_first_route_that_covers_a_request_is_met() {
    let mut api = api();
    api.routes =
        vec![route("POST", "/v1/*", "write"), route("GET", "/v1/{id}", "read"), route("*", "/*", "admin")];
    let met = |method, target| {
        let (path, met) = api.route_to(method, target).unwrap();
        assert_eq!(path, RequestPath::of(target).unwrap());
        met.map(|met| (met.position, met.route.scope.as_ref().map(ScopeExpr::to_string)))
    };
    assert_eq!(met(Method::Get, "/v1/x"), Some((1, Some("read".to_owned()))));
    assert_eq!(met(Method::Post, "/v1/x"), Some((0, Some("write".to_owned()))));
    assert_eq!(met(Method::Delete, "/v1/x"), Some((2, Some("admin".to_owned()))));
    assert_eq!(met(Method::Get, "/other"), Some((2, Some("admin".to_owned()))));
    assert!(api.route_to(Method::Get, "//").is_err());
    api.routes.pop();
    assert!(api.route_to(Method::Get, "/other").unwrap().1.is_none());
}

#[test]
fn a_path_that_some_service_reads_as_that_of_an_earlier_route_is_refused() {
    let mut api = api();
    api.routes = vec![route("*", "/v1/admin/*", "admin"), route("*", "/*", "read")];
    assert!(api.route_to(Method::Get, "/v1/admin/x").is_ok());
    assert!(api.route_to(Method::Get, "/v1/Admin/x").is_err());
    // A route of another method does not rule the request, and one that asks for the same gives nothing away.
    api.routes[0].method = "POST".to_owned();
    assert!(api.route_to(Method::Get, "/v1/Admin/x").is_ok());
    api.routes[0] = route("*", "/v1/admin/*", "read");
    assert!(api.route_to(Method::Get, "/v1/Admin/x").is_ok());
}

#[test]
fn case_counts_in_paths_unless_the_service_ignores_it() {
    let mut api = api();
    let (route, path) = (route("*", "/v1/admin", "admin"), RequestPath::of("/V1/Admin").unwrap());
    assert!(!api.covers_path(&route, &path));
    api.case_insensitive_paths = true;
    assert!(api.covers_path(&route, &path));
}
