//! Refresh tokens: each is used once and is exchanged for its successor. A second use means that it was copied, and its
//! whole family ends (RFC 9700, section 4.14.2), except within a grace while the successor is unused: then a response
//! was lost or two tabs refreshed at once, and both get the same response. A family ends after `refresh_max_seconds`,
//! whatever its use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use crate::domain::identity::Services;
use crate::error::Result;
use crate::model::{Secret, SecretHash, Timestamp};
use crate::platform::vault::Vault;
use crate::store::{Tx, sessions as store};

/// Prefix of refresh tokens, for secret scanners.
const PREFIX: &str = "kwr_";

/// Result of an exchange.
pub enum Exchange {
    /// Exchanged, now or within the grace.
    Good(Exchanged),
    /// Used before: its family has ended now.
    Replayed {
        /// Session of the family.
        session_no: Option<i64>,
        /// The family.
        family_no: i64,
    },
    /// Unknown, or its family had ended.
    Unknown,
}

/// A successful exchange.
pub struct Exchanged {
    /// The new refresh token.
    pub successor: Secret,
    /// The family.
    pub family_no: i64,
    /// Session of the family.
    pub session_no: Option<i64>,
    /// Time of the exchange: the same for every response to it.
    pub at: Timestamp,
    /// `jti` of the new access token, the same for every response too.
    pub jti: String,
    /// Whether this call made the exchange; false for a repeat.
    pub first: bool,
}

/// Begins a family, which ends at `expires_at` unless it is used.
pub fn begin_family(
    tx: &mut Tx<'_>,
    services: &Services,
    user_no: Option<i64>,
    session_no: Option<i64>,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<i64> {
    let ends_at = now.plus_seconds(i64::from(services.settings.refresh_max_seconds));
    Ok(store::insert_family(tx, user_no, session_no, now, (expires_at, ends_at))?)
}

/// Begins a family and returns its first token.
pub fn begin(
    tx: &mut Tx<'_>,
    services: &Services,
    user_no: Option<i64>,
    session_no: Option<i64>,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(i64, Secret)> {
    let token = text(&services.random::<32>());
    let family_no = begin_family(tx, services, user_no, session_no, now, expires_at)?;
    store::insert_refresh(tx, family_no, &SecretHash::of(token.expose()), now)?;
    Ok((family_no, token))
}

/// Exchanges a token in the caller's transaction. A replay ends the family; the caller must then commit.
pub fn exchange(
    tx: &mut Tx<'_>,
    vault: &Vault,
    token: &Secret,
    grace_seconds: u32,
    now: Timestamp,
) -> Result<Exchange> {
    let grace = i64::from(grace_seconds) * 1_000;
    let hash = SecretHash::of(token.expose());
    let Some(found) = store::refresh(tx, &hash)? else { return Ok(Exchange::Unknown) };
    let good = found.expires_at > now && found.created_at.has_started(now);
    if found.revoked_at.is_some() || !good {
        return Ok(Exchange::Unknown);
    }
    let (family_no, session_no) = (found.family_no, found.session_no);
    let at = match found.used_at {
        None => now,
        Some(used_at) if !found.successor_used && now.millis_since(used_at) <= grace => {
            // Later than now if the clock was wrong then.
            used_at.min(now)
        }
        Some(_) => {
            store::revoke_family(tx, family_no, now)?;
            return Ok(Exchange::Replayed { session_no, family_no });
        }
    };
    // The successor is derived from the token, so that the response can be repeated without storing it.
    let successor = text(&vault.mac("refresh.successor", &[token.expose().as_bytes()]));
    let jti = vault.mac("refresh.jti", &[token.expose().as_bytes()]);
    let next = SecretHash::of(successor.expose());
    let first = store::use_refresh(tx, &hash, &next, now)?;
    if first {
        store::insert_refresh(tx, family_no, &next, now)?;
    }
    let jti = BASE64URL.encode(&jti[..16]);
    Ok(Exchange::Good(Exchanged { successor, family_no, session_no, at, jti, first }))
}

/// Family of an unused token, for its revocation (RFC 7009).
pub fn find(tx: &mut Tx<'_>, token: &Secret) -> Result<Option<store::Refresh>> {
    Ok(store::refresh(tx, &SecretHash::of(token.expose()))?)
}

fn text(random: &[u8; 32]) -> Secret {
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    BASE64URL.encode_string(random, &mut text);
    Secret::new(text)
}
