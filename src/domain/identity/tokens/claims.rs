//! Claims of an access token (RFC 9068, section 2.2).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{GrantId, ScopeSet, SessionId, Timestamp};

/// The claims. One audience, as a plain string; times are whole seconds (RFC 7519's NumericDate without a fraction);
/// other forms are rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer: `public_url`, byte for byte.
    pub iss: String,
    /// Audience of the API.
    pub aud: String,
    /// The person, or the client that acts for itself.
    pub sub: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// Scopes, separated by spaces.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub scope: ScopeSet,
    /// Time of issue.
    pub iat: u64,
    /// Expiry.
    pub exp: u64,
    /// Start of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Id of the token.
    pub jti: String,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<GrantId>,
}

/// Claims of a new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The API's `audience`.
    pub audience: String,
    /// Id of the person, or of the client that acts for itself.
    pub subject: String,
    /// Id of the client.
    pub client_id: String,
    /// Scopes.
    pub scopes: ScopeSet,
    /// Time of issue.
    pub issued_at: Timestamp,
    /// Lifetime, in seconds.
    pub lifetime_seconds: u32,
    /// Id of the token, unguessable.
    pub jti: String,
    /// The session.
    pub session: Option<SessionId>,
    /// The grant.
    pub grant: Option<GrantId>,
}

impl NewToken {
    pub(super) fn claims(self, issuer: &str) -> AccessClaims {
        let iat = u64::try_from(self.issued_at.seconds()).unwrap_or(0);
        AccessClaims {
            iss: issuer.to_owned(),
            aud: self.audience,
            sub: self.subject,
            client_id: self.client_id,
            scope: self.scopes,
            iat,
            exp: iat + u64::from(self.lifetime_seconds),
            nbf: None,
            jti: self.jti,
            sid: self.session,
            grant_id: self.grant,
        }
    }
}

fn as_text<S: Serializer>(scopes: &ScopeSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(scopes)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScopeSet, D::Error> {
    struct Text;

    impl serde::de::Visitor<'_> for Text {
        type Value = ScopeSet;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("scopes separated by spaces")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ScopeSet, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text)
}
