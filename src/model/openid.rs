//! Scopes that belong to no API (OpenID Connect Core, sections 3.1.2.1, 5.4 and 11).

use super::ScopeSet;

/// The scopes with their descriptions on the consent page.
pub const OPENID_SCOPES: [(&str, &str); 4] = [
    ("openid", "Know who you are"),
    ("profile", "See your name"),
    ("email", "See your email address"),
    ("offline_access", "Keep its access while you are away"),
];

/// Whether a scope belongs to no API.
pub fn is_openid(name: &str) -> bool {
    OPENID_SCOPES.iter().any(|(known, _)| *known == name)
}

/// The part of `scopes` that belongs to no API.
pub fn openid_part(scopes: &ScopeSet) -> ScopeSet {
    scopes.retain(|scope| is_openid(scope))
}

/// The part of `scopes` that belongs to an API.
pub fn api_part(scopes: &ScopeSet) -> ScopeSet {
    scopes.retain(|scope| !is_openid(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_of_openid_or_of_an_api() {
        let scopes: ScopeSet =
            "email offline_access openid orders:read profile profile:read".parse().unwrap();
        assert_eq!(openid_part(&scopes).to_string(), "email offline_access openid profile");
        assert_eq!(api_part(&scopes).to_string(), "orders:read profile:read");
    }
}
