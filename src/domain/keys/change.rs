//! Change of a key's policy.

use serde_json::{Map, Value};

use super::create::refuse_reserved;
use super::policy::{
    Policy, check_expiry, check_limits, check_metadata, check_owner, check_scopes, check_tier, networks,
};
use super::{api_of, ensure_no_escalation, find};
use crate::domain::identity::access::KeysWrite;
use crate::domain::identity::key_bound;
use crate::domain::identity::key_state;
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::domain::identity::users::notices;
use crate::error::{Error, Result};
use crate::model::activity::Kind;
use crate::model::{Api, ApiKey, KeyId, Quota, RateLimit, ScopeSet, Timestamp, text};
use crate::platform::changes;
use crate::platform::changes::Edit;
use crate::platform::input::Problems;
use crate::store;
use crate::store::Tx;

/// Changed members of a key; none leaves a member unchanged.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// New name.
    pub name: Option<String>,
    /// New scopes, which replace the previous ones.
    pub scopes: Option<ScopeSet>,
    /// New tier, which ends a limit of its own; cleared, the API's default.
    pub tier: Edit<String>,
    /// Rate limit of its own, which replaces the tier.
    pub ratelimit: Edit<RateLimit>,
    /// New quota.
    pub quota: Edit<Quota>,
    /// New owner.
    pub owner: Edit<String>,
    /// New networks; cleared, every address.
    pub allowed_ips: Edit<Vec<String>>,
    /// New metadata, which replaces the previous.
    pub metadata: Edit<Map<String, Value>>,
    /// New expiry.
    pub expires_at: Edit<Timestamp>,
    /// Disables or enables the key.
    pub disabled: Option<bool>,
}

/// Changes a key; the next request is judged by the new policy.
///
/// # Errors
/// `NOT_FOUND`; `INVALID_REQUEST` with every wrong member; `FORBIDDEN` for an escalation, or in self-service beyond the
/// person's scopes; `CONFLICT` for a revoked key.
pub fn change(
    tx: &mut Tx<'_>,
    access: &SelfOrAll<KeysWrite>,
    id: KeyId,
    change: KeyChange,
) -> Result<ApiKey> {
    let call = access.call();
    let before = find(tx, access, id)?;
    let api = api_of(tx, &before)?;
    ensure_no_escalation(call, &api, &before)?;
    if access.only().is_some() {
        refuse_reserved(&[
            ("tier", change.tier.is_some()),
            ("ratelimit", change.ratelimit.is_some()),
            ("quota", change.quota.is_some()),
            ("owner", change.owner.is_some()),
        ])?;
    }
    if before.revoked_at.is_some() {
        return Err(Error::conflict("A revoked key cannot be changed; create another"));
    }
    let sets_scopes = change.scopes.is_some();
    let mut after = edited(&before, &api, change, call.now)?;
    if sets_scopes {
        access.allows(&api, &after.scopes)?;
        ensure_no_escalation(call, &api, &after)?;
    }
    if extends_scopes(&before, &after) {
        call.require_recent_sign_in_for(&api, &after.scopes)?;
    }
    if after.expires_at != before.expires_at
        && let Some(bound) = key_bound::bound(tx, call)?
    {
        bound.allows(after.user.map(|user| user.id), after.expires_at)?;
    }
    let Some(detail) = changes::between(&Policy::from(&before), &Policy::from(&after)) else {
        return Ok(before);
    };
    after.updated_at = call.now;
    store::keys::update(tx, &after)?;
    key_state::record(tx, call, Kind::KeyUpdated, &after, Some(detail))?;
    if !api.grants_all(&before.scopes) {
        notices::admin_key(tx, call, &api, &after)?;
    }
    Ok(after)
}

/// Whether a change extends the access of a key: its scopes, validity or networks.
fn extends_scopes(before: &ApiKey, after: &ApiKey) -> bool {
    let enabled = before.disabled_at.is_some() && after.disabled_at.is_none();
    enabled
        || before.scopes != after.scopes
        || before.expires_at != after.expires_at
        || before.allowed_ips != after.allowed_ips
}

fn edited(before: &ApiKey, api: &Api, change: KeyChange, now: Timestamp) -> Result<ApiKey> {
    let mut problems = Problems::default();
    let mut key = before.clone();
    if let Some(name) = change.name {
        key.name = problems.take("name", text::name(&name)).unwrap_or_default();
    }
    if let Some(scopes) = change.scopes {
        check_scopes(&mut problems, api, &scopes);
        key.scopes = scopes;
    }
    edit_limits(&mut problems, &mut key, api, change.tier, change.ratelimit, change.quota);
    if let Some(owner) = change.owner {
        if let Some(owner) = &owner {
            check_owner(&mut problems, owner);
        }
        key.owner = owner;
    }
    if let Some(allowed) = change.allowed_ips {
        key.allowed_ips = networks(&mut problems, &allowed.unwrap_or_default());
    }
    if let Some(metadata) = change.metadata {
        key.metadata = metadata.unwrap_or_default();
        check_metadata(&mut problems, &key.metadata);
    }
    if let Some(expires_at) = change.expires_at {
        if let Some(expires_at) = expires_at {
            check_expiry(&mut problems, expires_at, now);
        }
        key.expires_at = expires_at;
    }
    match change.disabled {
        Some(true) => key.disabled_at = key.disabled_at.or(Some(now)),
        Some(false) => key.disabled_at = None,
        None => {}
    }
    problems.check()?;
    Ok(key)
}

/// Tier and own limit replace each other.
fn edit_limits(
    problems: &mut Problems,
    key: &mut ApiKey,
    api: &Api,
    tier: Edit<String>,
    ratelimit: Edit<RateLimit>,
    quota: Edit<Quota>,
) {
    if matches!((&tier, &ratelimit), (Some(Some(_)), Some(Some(_)))) {
        problems.add("tier", "Give this or ratelimit, not both.");
        problems.add("ratelimit", "Give this or tier, not both.");
    }
    if let Some(tier) = tier {
        if let Some(tier) = &tier {
            check_tier(problems, api, tier);
            key.ratelimit = None;
        }
        key.tier = tier;
    }
    if let Some(own) = ratelimit {
        if own.is_some() {
            key.tier = None;
        }
        key.ratelimit = own;
    }
    if let Some(quota) = quota {
        key.quota = quota;
    }
    check_limits(problems, key.ratelimit.as_ref(), key.quota.as_ref());
}
