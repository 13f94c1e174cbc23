//! ID tokens (OpenID Connect Core, section 2): for the client only, never accepted as access tokens.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::userinfo::{self, Claims as PersonClaims};
use crate::domain::identity::Services;
use crate::domain::identity::tokens::ID_TYPE;
use crate::model::setting::SigningAlg;
use crate::model::{Client, ScopeSet, Timestamp};
use crate::store::oauth_tokens::Authorization;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(flatten)]
    person: PersonClaims,
}

/// Content of an ID token in addition to the authorization.
pub(super) struct IdTokenContext {
    /// `openid` and its related scopes.
    pub(super) scopes: ScopeSet,
    /// Time of issue.
    pub(super) at: Timestamp,
    /// Whether it is issued with the code's exchange: only then does it repeat the nonce (section 12.2).
    pub(super) first: bool,
}

/// Signs the ID token for `access_token`.
pub(super) async fn sign(
    services: &Services,
    client: &Client,
    of: &Authorization,
    about: &IdTokenContext,
    access_token: &str,
) -> Result<String> {
    let lifetime = client.access_token_seconds.unwrap_or(services.settings.access_token_seconds);
    let claims = Claims {
        iss: &services.settings.public_url,
        sub: of.user.1.to_string(),
        aud: client.id.to_string(),
        exp: about.at.seconds() + i64::from(lifetime),
        iat: about.at.seconds(),
        auth_time: of.authenticated_at.seconds(),
        nonce: of.nonce.as_deref().filter(|_| about.first),
        at_hash: at_hash(services.signing_keys.alg(), access_token),
        sid: of.session.map(|(_, id)| id.to_string()),
        person: userinfo::claims(services, of.user.0, &about.scopes)?,
    };
    Ok(services.signing_keys.sign(ID_TYPE, &claims).await?)
}

/// The left half of the token's hash, by the hash of the signature (section 3.1.3.6).
fn at_hash(alg: SigningAlg, access_token: &str) -> String {
    let algorithm = match alg {
        SigningAlg::Rs256 | SigningAlg::Es256 => &digest::SHA256,
        SigningAlg::EdDsa => &digest::SHA512,
    };
    let hash = digest::digest(algorithm, access_token.as_bytes());
    BASE64URL.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

/// Claims of an ID token hint.
#[derive(Debug, Deserialize)]
pub(super) struct Hint {
    iss: String,
    /// The person.
    pub(super) sub: String,
    /// The client.
    pub(super) aud: String,
    /// The sign-in.
    pub(super) sid: Option<String>,
}

/// Reads an ID token that is sent as a hint. It may have expired (OpenID Connect RP-Initiated Logout, section 4), so it
/// only proves that we issued it.
pub(super) fn read(services: &Services, token: &str) -> Option<Hint> {
    let hint: Hint = services.signing_keys.open_jws(ID_TYPE, token)?.claims;
    (hint.iss == services.settings.public_url).then_some(hint)
}
