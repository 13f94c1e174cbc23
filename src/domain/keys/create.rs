//! Creation of a key.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::policy::{
    Policy, check_expiry, check_limits, check_metadata, check_owner, check_scopes, check_tier, networks,
};
use super::{Issued, ensure_no_escalation, may_act_for};
use crate::domain::identity::access::KeysWrite;
use crate::domain::identity::key_bound;
use crate::domain::identity::key_state;
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::domain::identity::users::notices;
use crate::error::{Error, Result};
use crate::model::activity::Kind;
use crate::model::{
    Api, ApiKey, Environment, KeyId, KeySecret, KeySecretInfo, KeyUsage, KeyUser, Quota, RateLimit, ScopeSet,
    Timestamp, UserId, text,
};
use crate::platform::changes;
use crate::platform::input::Problems;
use crate::store;
use crate::store::Tx;

/// Maximum of `expires_in_days`: about ten years.
const MAX_DAYS: u32 = 3_650;

/// Members of a new key.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Slug or id of the API.
    pub api: String,
    /// Display name.
    pub name: String,
    /// Scopes; or `preset`.
    pub scopes: Option<ScopeSet>,
    /// Name of a preset of the API; or `scopes`.
    pub preset: Option<String>,
    /// Environment; by default the preset's, otherwise live.
    pub environment: Option<Environment>,
    /// Expiry; or `expires_in_days`.
    pub expires_at: Option<Timestamp>,
    /// Days until the expiry; or `expires_at`.
    pub expires_in_days: Option<u32>,
    /// Tier; by default the API's; or `ratelimit`.
    pub tier: Option<String>,
    /// Rate limit of its own; or `tier`.
    pub ratelimit: Option<RateLimit>,
    /// Quota.
    pub quota: Option<Quota>,
    /// The caller's id of the customer that uses the key.
    pub owner: Option<String>,
    /// Owner of the key; none makes a service key.
    pub user_id: Option<UserId>,
    /// Addresses and networks that it may be used from; empty allows every address.
    pub allowed_ips: Vec<String>,
    /// Metadata.
    pub metadata: Map<String, Value>,
}

/// Creates a key and returns its secret, which is shown once.
///
/// # Errors
/// `INVALID_REQUEST` with every wrong member; `FORBIDDEN` for an escalation, or in self-service beyond the person's
/// scopes; `CONFLICT` when a person has as many keys as the API allows.
pub fn create(tx: &mut Tx<'_>, access: &SelfOrAll<KeysWrite>, new: NewKey) -> Result<Issued> {
    let call = access.call();
    let unknown = || Error::invalid("api", "There is no API of this slug or id.");
    let api = store::apis::find(tx, &new.api)?.ok_or_else(unknown)?;
    let new = self_service(access, &api, new)?;
    let user = new.user_id.map(|id| user(tx, id)).transpose()?;
    let mut key = draft(&api, user, new, KeyId::new(call.now, call.services.random()), call.now)?;
    access.allows(&api, &key.scopes)?;
    ensure_no_escalation(call, &api, &key)?;
    may_act_for(call, &api, key.user)?;
    call.require_recent_sign_in_for(&api, &key.scopes)?;
    if let Some(bound) = key_bound::bound(tx, call)? {
        bound.allows(key.user.map(|user| user.id), key.expires_at)?;
    }
    let most = access.only().map(|_| api.member_max_keys);
    key.no = store::keys::insert(tx, &key, most)?.ok_or_else(|| too_many(&api))?;
    let secret = add_secret(tx, &api, &mut key, &call.services.random(), call.now)?;
    let detail = changes::between(&Value::Null, &Policy::from(&key));
    key_state::record(tx, call, Kind::KeyCreated, &key, detail)?;
    notices::admin_key(tx, call, &api, &key)?;
    Ok(Issued { key, secret })
}

/// In self-service the caller owns the key, which has the member tier of the API.
fn self_service(access: &SelfOrAll<KeysWrite>, api: &Api, new: NewKey) -> Result<NewKey> {
    let Some(own) = access.only() else { return Ok(new) };
    let reserved = [
        ("tier", new.tier.is_some()),
        ("ratelimit", new.ratelimit.is_some()),
        ("quota", new.quota.is_some()),
        ("owner", new.owner.is_some()),
        ("user_id", new.user_id.is_some_and(|id| id != own.id)),
    ];
    refuse_reserved(&reserved)?;
    Ok(NewKey { user_id: Some(own.id), tier: Some(api.member_tier.clone()), ..new })
}

/// Refuses members that only callers with `keys:write` may set.
pub(super) fn refuse_reserved(named: &[(&str, bool)]) -> Result<()> {
    let named: Vec<&str> = named.iter().filter(|(_, named)| *named).map(|(member, _)| *member).collect();
    if named.is_empty() {
        return Ok(());
    }
    let message = format!("Your own keys cannot set: {}", named.join(", "));
    Err(named
        .iter()
        .fold(Error::forbidden(message), |error, member| error.with(member, "not allowed for your own keys")))
}

fn too_many(api: &Api) -> Error {
    let message = format!("You have the maximum number of keys of {}; revoke one first", api.slug);
    Error::conflict(message).with("max_keys", api.member_max_keys)
}

fn user(tx: &Tx<'_>, id: UserId) -> Result<KeyUser> {
    let user = store::users::by_id(tx, id)?;
    let user = user.ok_or_else(|| Error::invalid("user_id", "There is no such user."))?;
    if user.disabled_at.is_some() {
        return Err(Error::invalid("user_id", "This person is disabled."));
    }
    Ok(KeyUser { no: user.no, id, role: user.role })
}

/// Validates the key `new`; all problems are reported together.
fn draft(api: &Api, user: Option<KeyUser>, new: NewKey, id: KeyId, now: Timestamp) -> Result<ApiKey> {
    let mut problems = Problems::default();
    refuse_both(&mut problems, &new);
    let name = problems.take("name", text::name(&new.name)).unwrap_or_default();
    let (scopes, environment) = scopes_and_environment(&mut problems, api, &new);
    if let Some(tier) = &new.tier {
        check_tier(&mut problems, api, tier);
    }
    if let Some(owner) = &new.owner {
        check_owner(&mut problems, owner);
    }
    check_limits(&mut problems, new.ratelimit.as_ref(), new.quota.as_ref());
    check_metadata(&mut problems, &new.metadata);
    let expires_at = expiry(&mut problems, &new, now);
    let allowed_ips = networks(&mut problems, &new.allowed_ips);
    problems.check()?;
    Ok(ApiKey {
        no: 0,
        id,
        api_no: api.no,
        api: api.slug.clone(),
        name,
        environment,
        scopes,
        tier: new.tier,
        ratelimit: new.ratelimit,
        quota: new.quota,
        owner: new.owner,
        user,
        allowed_ips,
        metadata: new.metadata,
        expires_at,
        disabled_at: None,
        revoked_at: None,
        created_at: now,
        updated_at: now,
        usage: KeyUsage::default(),
        secrets: Vec::new(),
    })
}

fn refuse_both(problems: &mut Problems, new: &NewKey) {
    let pairs = [
        ("scopes", new.scopes.is_some(), "preset", new.preset.is_some()),
        ("tier", new.tier.is_some(), "ratelimit", new.ratelimit.is_some()),
        ("expires_at", new.expires_at.is_some(), "expires_in_days", new.expires_in_days.is_some()),
    ];
    for (one, has_one, other, has_other) in pairs {
        if has_one && has_other {
            problems.add(one, format!("Give this or {other}, not both."));
            problems.add(other, format!("Give this or {one}, not both."));
        }
    }
    if new.scopes.is_none() && new.preset.is_none() {
        problems.add("scopes", "Name the scopes, or a preset of the API.");
    }
}

fn scopes_and_environment(problems: &mut Problems, api: &Api, new: &NewKey) -> (ScopeSet, Environment) {
    let preset = new.preset.as_deref().and_then(|name| {
        let found = api.preset(name);
        if found.is_none() {
            let names: Vec<&str> = api.presets.iter().map(|preset| preset.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            problems.add("preset", format!("{} has no such preset; it has: {names}.", api.slug));
        }
        found
    });
    let fixed = preset.and_then(|preset| preset.environment);
    if let (Some(fixed), Some(asked)) = (fixed, new.environment)
        && fixed != asked
    {
        problems.add("environment", format!("This preset is for {fixed} keys only."));
    }
    let environment = new.environment.or(fixed).unwrap_or_default();
    if api.built_in && environment == Environment::Test {
        problems.add("environment", "The built-in API has no test keys.");
    }
    let scopes = new.scopes.clone().or(preset.map(|preset| preset.scopes.clone())).unwrap_or_default();
    check_scopes(problems, api, &scopes);
    (scopes, environment)
}

fn expiry(problems: &mut Problems, new: &NewKey, now: Timestamp) -> Option<Timestamp> {
    if let Some(days) = new.expires_in_days {
        if !(1..=MAX_DAYS).contains(&days) {
            problems.add("expires_in_days", "Use a number of days from 1 to 3,650.");
        }
        return Some(now.plus_seconds(i64::from(days) * 86_400));
    }
    let expires_at = new.expires_at?;
    check_expiry(problems, expires_at, now);
    Some(expires_at)
}

/// Generates a secret, stores its hash, and adds it as the first of the key's secrets.
pub(super) fn add_secret(
    tx: &mut Tx<'_>,
    api: &Api,
    key: &mut ApiKey,
    random: &[u8; 32],
    now: Timestamp,
) -> Result<KeySecret> {
    let random = Zeroizing::new(*random);
    let secret = KeySecret::generate(api.prefix, key.environment, &random);
    let info = KeySecretInfo {
        hash: secret.hash(),
        start: secret.start().to_owned(),
        end: secret.end().to_owned(),
        created_at: now,
        expires_at: None,
    };
    store::keys::insert_secret(tx, key.no, &info)?;
    key.secrets.insert(0, info);
    Ok(secret)
}
