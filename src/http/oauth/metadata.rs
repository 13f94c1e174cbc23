//! What this authorization server can do, for programs (RFC 8414; OpenID Connect Discovery 1.0, section 3).

use serde_json::{Value, json};

use crate::domain::identity::Services;
use crate::domain::oauth::client_auth::METHODS;
use crate::model::GrantType;
use crate::model::openid::OPENID_SCOPES;

/// The document of both well-known addresses. The issuer is the configured one, never that of the request.
pub(super) fn metadata(services: &Services) -> Value {
    let issuer = services.settings.public_url.as_str();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "introspection_endpoint": at("/oauth/introspect"),
        "revocation_endpoint": at("/oauth/revoke"),
        "end_session_endpoint": at("/oauth/logout"),
        "scopes_supported": OPENID_SCOPES.map(|(name, _)| name),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::NAMES,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [services.signing_keys.alg().as_str()],
        "token_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_methods_supported": &METHODS[1..],
        "revocation_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "name", "updated_at", "email",
            "email_verified",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "service_documentation": at("/docs"),
    });
    if services.settings.registration_api.is_some() {
        document["registration_endpoint"] = at("/oauth/register").into();
    }
    document
}
