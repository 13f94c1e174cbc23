//! The example keys, and requests with them.

use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::cell;
use crate::model::UserId;

/// Keys that the rest of the demo uses.
pub(super) struct Keys {
    /// A management key for the person at the keyboard.
    pub(super) management: String,
    /// A key of the first API, for the first request.
    pub(super) shown: String,
    all: Vec<(Value, String)>,
}

/// Creates the example keys. The first is the one that is shown.
fn wanted(member: UserId) -> Vec<Value> {
    vec![
        json!({"api": "afdb", "name": "Production Backend", "preset": "Read", "tier": "pro", "owner": "acme"}),
        json!({"api": "afdb", "name": "CI Pipeline", "preset": "Full Access", "environment": "test", "owner": "acme"}),
        json!({"api": "afdb", "name": "Embedded dashboards", "scopes": ["dashboards:read"], "owner": "globex",
            "expires_in_days": 6}),
        json!({"api": "afdb", "name": "Mika's notebook", "scopes": ["queries:read", "queries:write"],
            "user_id": member}),
        json!({"api": "dbaudit", "name": "Log shipper", "scopes": ["read:logs", "read:alerts"], "tier": "enterprise",
            "allowed_ips": ["203.0.113.0/24"], "metadata": {"team": "security"}}),
        json!({"api": "dbaudit", "name": "Infrastructure as code", "scopes": ["write:databases", "write:policies"],
            "tier": "pro", "expires_in_days": 90}),
        json!({"api": "dbaudit", "name": "Quarterly report", "scopes": ["read:reports"],
            "quota": {"limit": 50, "period": "month"}}),
        json!({"api": "gen", "name": "Laptop", "preset": "Development"}),
        json!({"api": "gen", "name": "Web shop", "preset": "Production", "tier": "pro", "owner": "initech",
            "quota": {"limit": 100_000, "period": "month"}}),
        json!({"api": "gen", "name": "Status page", "preset": "Read-only", "ratelimit": {"limit": 5, "window_seconds": 60}}),
        json!({"api": "gen", "name": "Break glass", "preset": "Admin", "expires_in_days": 30}),
        json!({"api": "aip", "name": "Mobile app", "scopes": ["read", "write"], "tier": "pro", "owner": "hooli"}),
        json!({"api": "aip", "name": "Old website", "scopes": ["read"], "owner": "hooli"}),
    ]
}

/// Requests that are allowed and refused: key, scope, the other parameters, repetitions.
fn questions() -> Vec<(&'static str, &'static str, Value, usize)> {
    let request = |method: &str, path: &str, ip: &str, agent: &str| json!({"method": method, "path": path, "ip": ip, "user_agent": agent});
    let (backend, pipeline) = ("acme-backend/4.2", "curl/8.5.0");
    vec![
        ("Production Backend", "queries:read", request("POST", "/v1/queries", "198.51.100.20", backend), 12),
        (
            "Production Backend",
            "dashboards:read",
            request("GET", "/v1/dashboards", "198.51.100.20", backend),
            5,
        ),
        (
            "Production Backend",
            "queries:write",
            request("DELETE", "/v1/queries/42", "198.51.100.20", backend),
            2,
        ),
        ("CI Pipeline", "queries:read", request("POST", "/v1/queries", "192.0.2.77", pipeline), 2),
        (
            "Embedded dashboards",
            "dashboards:read",
            request("GET", "/v1/dashboards/7", "203.0.113.80", "Mozilla/5.0"),
            6,
        ),
        (
            "Mika's notebook",
            "queries:read",
            request("POST", "/v1/queries", "203.0.113.14", "python-requests/2.32"),
            3,
        ),
        ("Log shipper", "read:logs", request("GET", "/v1/logs", "203.0.113.9", "vector/0.40"), 8),
        ("Log shipper", "read:logs", request("GET", "/v1/logs", "198.51.100.99", pipeline), 2),
        (
            "Infrastructure as code",
            "write:policies",
            request("POST", "/v1/policies", "192.0.2.14", "terraform/1.9"),
            3,
        ),
        ("Web shop", "read", request("POST", "/v1/generate", "198.51.100.7", "initech-shop/1.0"), 9),
        ("Status page", "read", request("GET", "/v1/models", "192.0.2.200", "uptime/3"), 8),
        ("Mobile app", "write", request("POST", "/v1/conversations", "203.0.113.55", "hooli-ios/12"), 5),
        ("Old website", "read", request("GET", "/v1/models", "192.0.2.31", "php/5.6"), 2),
    ]
}

impl Keys {
    pub(super) async fn make(client: &mut Client, member: UserId) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for key in wanted(member) {
            let made = client.post("/v1/keys", &key).await?;
            let secret = cell(&made["key"]);
            all.push((made, secret));
        }
        let scopes = ["apis:read", "keys:read", "keys:write", "keys:verify", "activity:read"];
        let management = json!({"api": "keywright", "name": "Trying things out", "scopes": scopes});
        let management = cell(&client.post("/v1/keys", &management).await?["key"]);
        Ok(Self { management, shown: all[0].1.clone(), all })
    }

    /// Verifies the keys, so that the log has rows, and rotates, revokes and disables one each.
    pub(super) async fn use_them(&self, client: &mut Client) -> Result<(), Failure> {
        client.post(&format!("/v1/keys/{}/rotate", self.id("Web shop")), &json!({})).await?;
        client.delete(&format!("/v1/keys/{}", self.id("Old website"))).await?;
        for (name, scope, request, times) in questions() {
            let (made, secret) = self.key(name);
            for _ in 0..times {
                let question =
                    json!({"key": secret, "api": made["api"], "scopes": scope, "request": request});
                client.post("/v1/keys/verify", &question).await?;
            }
        }
        Ok(())
    }

    fn key(&self, name: &str) -> &(Value, String) {
        self.all
            .iter()
            .find(|(made, _)| made["name"] == name)
            .expect("the questions are about keys that are made")
    }

    fn id(&self, name: &str) -> String {
        cell(&self.key(name).0["id"])
    }
}
