//! What tokens are signed with.

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::access::{Can, SettingsManage};
use crate::domain::identity::admission::Recent;
use crate::domain::identity::signing_keys;
use crate::domain::identity::signing_keys::{JWKS_MAX_AGE_SECONDS, Retire};
use crate::http::Result;
use crate::http::auth::{Admitted, Allowed, Anyone};
use crate::http::json::Json;
use crate::model::signing_key::SigningKeyInfo;

/// Signing keys.
pub struct SigningKeysApi;

/// A signing key without its private half.
#[derive(Serialize, Deserialize, Object)]
pub struct SigningKeyView {
    /// The `kid` of its tokens.
    kid: String,
    /// `RS256`, `ES256` or `EdDSA`.
    alg: String,
    /// `next`, `active` or `retired`.
    stage: String,
    /// When it was made.
    created_at: String,
    /// When it began to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<String>,
    /// When it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<String>,
    /// When it leaves the JWKS.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// Every published signing key.
#[derive(Serialize, Deserialize, Object)]
pub struct SigningKeyList {
    /// The keys, oldest first.
    data: Vec<SigningKeyView>,
    /// Null: there is one page.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

/// How to rotate.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// Ends the tokens of the key that signed until now: for a key that may have leaked.
    #[serde(default)]
    at_once: bool,
}

/// A JWK Set (RFC 7517, section 5).
#[derive(Serialize, Deserialize, Object)]
pub struct JwkSet {
    /// The keys; which members each has depends on its `kty`.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517, section 4).
#[derive(Serialize, Deserialize, Object)]
pub struct Jwk {
    /// `RSA`, `EC` or `OKP`.
    kty: String,
    /// Its name.
    kid: String,
    /// `sig`.
    #[serde(rename = "use")]
    #[oai(rename = "use")]
    usage: String,
    /// `RS256`, `ES256` or `EdDSA`.
    alg: String,
    /// RSA modulus, base64url (RFC 7518, section 6.3.1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    /// RSA exponent, base64url (RFC 7518, section 6.3.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    /// Curve: `P-256` or `Ed25519` (RFC 7518, section 6.2.1.1; RFC 8037, section 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    /// First coordinate or public key, base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    /// Second coordinate of an EC key, base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl From<SigningKeyInfo> for SigningKeyView {
    fn from(info: SigningKeyInfo) -> Self {
        Self {
            kid: info.kid,
            alg: info.alg.to_string(),
            stage: info.stage.to_string(),
            created_at: info.created_at.to_string(),
            activated_at: info.activated_at.map(|at| at.to_string()),
            retired_at: info.retired_at.map(|at| at.to_string()),
            expires_at: info.expires_at.map(|at| at.to_string()),
        }
    }
}

#[OpenApi(tag = "Tag::Tokens")]
impl SigningKeysApi {
    /// The public keys that tokens are checked with
    #[oai(path = "/.well-known/jwks.json", method = "get")]
    async fn jwks(&self, anyone: Anyone) -> Result<Jwks> {
        Ok(Jwks(anyone.0.services.signing_keys.jwks()))
    }

    /// List signing keys
    #[oai(path = "/v1/signing-keys", method = "get")]
    async fn list(&self, can: Allowed<SettingsManage>) -> Result<Json<SigningKeyList>> {
        Ok(Json(listed(can.0.services.signing_keys.list())))
    }

    /// Sign with the next key from now on
    ///
    /// Tokens of the former key stay valid until they end, unless `at_once` ends them now.
    #[oai(path = "/v1/signing-keys/rotate", method = "post")]
    async fn rotate(
        &self,
        can: Admitted<Recent<Can<SettingsManage>>>,
        body: Json<RotateRequest>,
    ) -> Result<Json<SigningKeyList>> {
        let retire = if body.0.at_once { Retire::AtOnce } else { Retire::Gently };
        Ok(Json(listed(signing_keys::rotate(&can.0, retire).await?)))
    }
}

fn listed(infos: Vec<SigningKeyInfo>) -> SigningKeyList {
    SigningKeyList { data: infos.into_iter().map(Into::into).collect(), next_cursor: None }
}

/// The JWK Set, with how long it may be kept.
pub struct Jwks(std::sync::Arc<str>);

impl IntoResponse for Jwks {
    fn into_response(self) -> Response {
        let age = format!("public, max-age={JWKS_MAX_AGE_SECONDS}");
        let age = HeaderValue::from_str(&age).expect("a number is ASCII");
        Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CACHE_CONTROL, age)
            .body(self.0.as_bytes().to_vec())
    }
}

impl ApiResponse for Jwks {
    fn meta() -> MetaResponses {
        Json::<JwkSet>::meta()
    }

    fn register(registry: &mut Registry) {
        <Json<JwkSet> as ApiResponse>::register(registry);
    }
}
