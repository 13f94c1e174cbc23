//! Validation of a client's members; all problems are reported together.

use url::Url;

use crate::domain::policy::catalog::Apis;
use crate::model::client::Access;
use crate::model::{Client, ClientType, GrantType, RedirectUri, ScopeSet};
use crate::platform::input::Problems;

/// Maximum number of URIs of a kind.
const MAX_URIS: usize = 50;
/// Maximum length of the URL of a home page, in bytes.
const MAX_HOME_PAGE: usize = 500;
/// Minimum and maximum lifetime of an access token: a minute, and a day, for which retired signing keys are published.
const ACCESS_SECONDS: std::ops::RangeInclusive<u32> = 60..=86_400;
/// Minimum and maximum lifetime of an unused refresh token: five minutes, and a year.
const REFRESH_SECONDS: std::ops::RangeInclusive<u32> = 300..=31_536_000;

/// Requested access to one API.
#[derive(Debug, Clone)]
pub struct RequestedAccess {
    /// Slug or id of the API.
    pub api: String,
    /// The scopes.
    pub scopes: ScopeSet,
}

pub(super) fn access(problems: &mut Problems, apis: &Apis, asked: &[RequestedAccess]) -> Vec<Access> {
    let mut access: Vec<Access> = Vec::with_capacity(asked.len());
    for (index, asked) in asked.iter().enumerate() {
        let named = |field: &str| format!("access[{index}].{field}");
        let found = apis.iter().find(|api| api.slug == asked.api || api.id.to_string() == asked.api);
        let Some(api) = found else {
            problems.add(named("api"), "There is no API of this slug or id.");
            continue;
        };
        let unknown = asked.scopes.difference(&api.all_scopes());
        if !unknown.is_empty() {
            let known = api.all_scopes();
            problems.add(named("scopes"), format!("{} has no scope {unknown}; it has: {known}.", api.slug));
        }
        if asked.scopes.is_empty() {
            problems.add(named("scopes"), "Name at least one scope.");
        }
        if access.iter().any(|other| other.api_no == api.no) {
            problems.add(named("api"), "This API is named twice.");
            continue;
        }
        access.push(Access { api_no: api.no, scopes: asked.scopes.clone() });
    }
    access
}

pub(super) fn uris(problems: &mut Problems, field: &str, given: &[String]) -> Vec<RedirectUri> {
    if given.len() > MAX_URIS {
        problems.add(field, "Give at most 50 URIs.");
        return Vec::new();
    }
    let mut uris: Vec<RedirectUri> = Vec::with_capacity(given.len());
    for (index, text) in given.iter().enumerate() {
        if let Some(uri) = problems.take(&format!("{field}[{index}]"), text.parse::<RedirectUri>())
            && !uris.contains(&uri)
        {
            uris.push(uri);
        }
    }
    uris
}

/// A home page is only a link on the consent page.
pub(super) fn home_page(problems: &mut Problems, text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let good = Url::parse(text)
        .is_ok_and(|url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
    if text.len() > MAX_HOME_PAGE || !good || !text.bytes().all(plain) {
        problems.add("home_page", "Use an address that starts with https://, of at most 500 characters.");
    }
    text.to_owned()
}

/// Checks that depend on several members.
pub(super) fn whole(problems: &mut Problems, client: &Client) {
    let codes = client.may(GrantType::AuthorizationCode);
    if client.grant_types.is_empty() {
        problems.add("grant_types", "Name at least one, or leave it out.");
    }
    if codes && client.redirect_uris.is_empty() {
        problems.add("redirect_uris", "Give a redirect URI; authorization_code needs one.");
    }
    if client.may(GrantType::RefreshToken) && !codes {
        problems.add("grant_types", "refresh_token needs authorization_code beside it.");
    }
    if client.kind == ClientType::Public {
        if client.may(GrantType::ClientCredentials) {
            problems.add("grant_types", "A public client has no credentials: leave client_credentials out.");
        }
        if !client.require_pkce {
            problems.add("require_pkce", "A public client always uses PKCE.");
        }
    }
    if client.access_token_seconds.is_some_and(|seconds| !ACCESS_SECONDS.contains(&seconds)) {
        problems.add("access_token_seconds", "Use a number of seconds from 60 to 86,400 (a day).");
    }
    if client.refresh_token_seconds.is_some_and(|seconds| !REFRESH_SECONDS.contains(&seconds)) {
        problems.add("refresh_token_seconds", "Use a number of seconds from 300 to 31,536,000 (a year).");
    }
}

/// Default grant types: authorization code if it has redirect URIs, client credentials if it is confidential.
pub(super) fn usual_grants(kind: ClientType, has_redirect_uris: bool) -> Vec<GrantType> {
    let mut grants = Vec::new();
    if has_redirect_uris || kind == ClientType::Public {
        grants.extend([GrantType::AuthorizationCode, GrantType::RefreshToken]);
    }
    if kind == ClientType::Confidential {
        grants.push(GrantType::ClientCredentials);
    }
    grants
}
