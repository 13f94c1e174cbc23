//! OpenAPI descriptions of the model's types of an API.

use std::sync::Arc;

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::domain::apis::Applied;
use crate::http::object::object;
use crate::http::schema::json_type;
use crate::model::api::{
    ApiChange, ApiDescription, Preset, RoleScopes, Route, ScopeInfo, Tier, api_change_members,
    api_description_members, api_members, preset_members, role_scopes_members, route_members,
    scope_info_members, tier_members,
};
use crate::model::{
    Api, ApiId, Environment, KeyPrefix, LimitPer, RequestedEnvironment, Scope, ScopeExpr, ScopeSet, Timestamp,
};
use crate::platform::cursor::Page;

scope_info_members!(object reads "ApiScope" {
    "name": "queries:read", "description": "Run queries and view results"
});
preset_members!(object reads "ApiPreset" {
    "name": "Read", "description": "Queries only", "scopes": ["queries:read"]
});
tier_members!(object reads "ApiTier" {"name": "pro", "limit": 1_000, "burst": 50});
route_members!(object reads "ApiRoute" {"method": "POST", "path": "/v1/queries", "scope": "queries:read"});
role_scopes_members!(object reads "RoleScopes" {"member": ["queries:read"]});
api_description_members!(object reads "NewApi" {
    "slug": "afdb",
    "name": "AI for Database",
    "audience": "https://api.aifordatabase.com",
    "scopes": [
        { "name": "queries:read", "description": "Run queries and view results" },
        { "name": "queries:write", "description": "Save and delete queries" }
    ],
    "presets": [{ "name": "Read", "description": "Queries only", "scopes": ["queries:read"] }],
    "role_scopes": { "member": ["queries:read"] },
    "routes": [{ "method": "POST", "path": "/v1/queries", "scope": "queries:read" }]
});
api_change_members!(object reads "ApiChange" {});
api_members!(object writes "Api" null);

json_type!(Api);
json_type!(Route);

/// A part of the list of APIs.
#[derive(Debug, Serialize, Object)]
pub struct ApiPage {
    /// The APIs, oldest first; Keywright's own leads.
    pub data: Vec<Arc<Api>>,
    /// The `cursor` of the next page; null on the last one.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

impl From<Page<Arc<Api>>> for ApiPage {
    fn from(page: Page<Arc<Api>>) -> Self {
        Self { data: page.data, next_cursor: page.next_cursor }
    }
}

/// The result of applying a description.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct ApiApplied {
    /// Whether the API is new.
    pub created: bool,
    /// One line for each change; empty when the API matched the description.
    pub changes: Vec<String>,
    /// Warnings about the API as it is now, one sentence each: such as that any valid key passes.
    pub warnings: Vec<String>,
}

impl From<Applied> for ApiApplied {
    fn from(applied: Applied) -> Self {
        Self { created: applied.created, changes: applied.changes, warnings: applied.warnings }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
    use poem_openapi::types::Type;
    use serde_json::{Value, json};

    use super::*;

    fn member(schema: &MetaSchema, name: &str) -> (bool, bool, Option<Value>) {
        let (_, member) = schema.properties.iter().find(|(member, _)| *member == name).unwrap();
        let MetaSchemaRef::Inline(member) = member else { panic!("{name} is a reference") };
        (schema.required.contains(&name), member.nullable, member.default.clone())
    }

    #[test]
    fn the_schema_says_how_a_body_is_read() {
        let mut registry = Registry::new();
        let tier = registry.create_fake_schema::<Tier>();
        assert_eq!(member(&tier, "name"), (true, false, None));
        assert_eq!(member(&tier, "limit"), (false, true, None));
        assert_eq!(member(&tier, "window_seconds"), (false, false, Some(json!(60))));
        assert_eq!(member(&tier, "per"), (false, false, Some(json!("key"))));
        let api = registry.create_fake_schema::<ApiDescription>();
        assert_eq!(member(&api, "audience"), (false, true, None));
        assert_eq!(member(&api, "scopes"), (false, false, Some(json!([]))));
        let change = registry.create_fake_schema::<ApiChange>();
        assert_eq!(member(&change, "audience"), (false, false, None));
        let shown = registry.create_fake_schema::<Api>();
        assert!(shown.properties.iter().all(|(name, _)| *name != "no" && shown.required.contains(name)));
        assert_eq!(<Arc<Api>>::name(), "Api");
    }

    #[test]
    fn a_change_replaces_what_it_names() {
        let read = |text: &str| serde_json::from_str::<ApiDescription>(text).unwrap();
        let change = serde_json::from_str::<ApiChange>(r#"{"audience": "https://b.example", "open": true}"#);
        let mut description = read(r#"{"slug": "a", "name": "A"}"#);
        change.unwrap().onto(&mut description);
        let expected = r#"{"slug": "a", "name": "A", "audience": "https://b.example", "open": true}"#;
        assert_eq!(description, read(expected));
    }

    #[test]
    fn null_is_no_value_for_a_member_of_an_api() {
        assert!(serde_json::from_str::<ApiChange>(r#"{"name": null}"#).is_err());
        assert!(serde_json::from_str::<ApiChange>(r#"{"slug": "other"}"#).is_err());
        assert!(serde_json::from_str::<ApiChange>("{}").unwrap().name.is_none());
    }
}
