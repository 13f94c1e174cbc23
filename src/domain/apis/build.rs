//! Builds an API from its description, with defaults.

use super::default_audience;
use crate::error::Result;
use crate::model::api::{ApiDescription, Tier};
use crate::model::{Api, ApiId, KeyPrefix, LimitPer, Timestamp};
use crate::platform::input::Problems;

/// Default of `member_max_keys`.
const MEMBER_MAX_KEYS: u32 = 5;
/// Default of `default_tier`.
const FREE: &str = "free";

/// Members of an API that a change of its description keeps.
pub(super) struct ApiIdentity {
    pub(super) no: i64,
    pub(super) id: ApiId,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// Default tiers.
pub(super) fn default_tiers() -> Vec<Tier> {
    let tier = |name: &str, limit| Tier {
        name: name.to_owned(),
        limit,
        window_seconds: 60,
        burst: None,
        per: LimitPer::Key,
    };
    vec![tier(FREE, Some(100)), tier("pro", Some(1_000)), tier("enterprise", None)]
}

/// The API of `description`, not validated.
///
/// # Errors
/// `INVALID_REQUEST` when the slug gives no key prefix and the description has none.
pub(super) fn build(description: ApiDescription, identity: ApiIdentity, public_url: &str) -> Result<Api> {
    let tiers = description.tiers.unwrap_or_else(default_tiers);
    let default_tier = description.default_tier.unwrap_or_else(|| first_choice(&tiers));
    let prefix = description.prefix.map_or_else(|| prefix_of(&description.slug), Ok)?;
    Ok(Api {
        no: identity.no,
        id: identity.id,
        audience: description.audience.unwrap_or_else(|| default_audience(public_url, &description.slug)),
        slug: description.slug,
        name: description.name.trim().to_owned(),
        prefix,
        built_in: false,
        token_tier: description.token_tier.unwrap_or_else(|| default_tier.clone()),
        member_tier: description.member_tier.unwrap_or_else(|| default_tier.clone()),
        default_tier,
        member_max_keys: description.member_max_keys.unwrap_or(MEMBER_MAX_KEYS),
        x_api_key: description.x_api_key,
        open: description.open,
        case_insensitive_paths: description.case_insensitive_paths,
        allowed_origins: description.allowed_origins,
        role_scopes: description.role_scopes,
        scopes: description.scopes,
        presets: description.presets,
        tiers,
        routes: description.routes,
        created_at: identity.created_at,
        updated_at: identity.updated_at,
    })
}

fn first_choice(tiers: &[Tier]) -> String {
    let free = tiers.iter().find(|tier| tier.name == FREE).or(tiers.first());
    free.map(|tier| tier.name.clone()).unwrap_or_default()
}

fn prefix_of(slug: &str) -> Result<KeyPrefix> {
    slug.replace('-', "").parse().map_err(|_| {
        let mut problems = Problems::default();
        check_slug(&mut problems, slug);
        problems.add(
            "prefix",
            "Name a key prefix of 1 to 16 lowercase letters and digits; this slug gives none.",
        );
        problems.check().expect_err("a problem was added")
    })
}

/// `[a-z][a-z0-9-]{0,31}`.
pub(super) fn check_slug(problems: &mut Problems, slug: &str) {
    let fits = slug.len() <= 32
        && slug.starts_with(|first: char| first.is_ascii_lowercase())
        && slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        problems.add("slug", "Use 1 to 32 lowercase letters, digits and dashes, a letter first.");
    }
}
