//! The identity headers of forward-auth.
//!
//! Each answer, whatever it is, sets all of them, and only [`IdentityHeaders::set`] writes them: a header that has no value,
//! or that the query does not select, is empty, so that the client's own never survives.

use poem::http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Error, Result};

const NONE: HeaderValue = HeaderValue::from_static("");

/// How many there are.
const COUNT: usize = 8;

/// Each header, and its name in `headers=`.
pub(super) const NAMES: [(&str, HeaderName); COUNT] = [
    ("subject", HeaderName::from_static("x-auth-subject")),
    ("kind", HeaderName::from_static("x-auth-kind")),
    ("key_id", HeaderName::from_static("x-auth-key-id")),
    ("user_id", HeaderName::from_static("x-auth-user-id")),
    ("client_id", HeaderName::from_static("x-auth-client-id")),
    ("owner", HeaderName::from_static("x-auth-owner")),
    ("environment", HeaderName::from_static("x-auth-environment")),
    ("scopes", HeaderName::from_static("x-auth-scopes")),
];

/// The values of the identity headers; by default all are empty.
#[derive(Default)]
pub(super) struct IdentityHeaders {
    pub(super) subject: Option<HeaderValue>,
    pub(super) kind: Option<HeaderValue>,
    pub(super) key_id: Option<HeaderValue>,
    pub(super) user_id: Option<HeaderValue>,
    pub(super) client_id: Option<HeaderValue>,
    pub(super) owner: Option<HeaderValue>,
    pub(super) environment: Option<HeaderValue>,
    pub(super) scopes: Option<HeaderValue>,
}

impl IdentityHeaders {
    /// Sets every identity header: to its value if `filled` has it, otherwise to the empty value.
    pub(super) fn set(self, headers: &mut HeaderMap, filled: Filled) {
        let Self { subject, kind, key_id, user_id, client_id, owner, environment, scopes } = self;
        let values: [_; COUNT] = [subject, kind, key_id, user_id, client_id, owner, environment, scopes];
        for (at, (value, (_, name))) in values.into_iter().zip(NAMES).enumerate() {
            headers.insert(name, value.filter(|_| filled.has(at)).unwrap_or(NONE));
        }
    }
}

/// Which identity headers are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled(u8);

impl Default for Filled {
    fn default() -> Self {
        Self::ALL
    }
}

impl Filled {
    pub(super) const ALL: Self = Self(u8::MAX);

    /// Reads the value of `headers=`: names with commas between them, or nothing at all.
    ///
    /// # Errors
    /// `INVALID_REQUEST` that lists the names, for any other.
    pub(super) fn read(names: &str) -> Result<Self> {
        let mut filled = 0;
        for name in names.split(',').filter(|_| !names.is_empty()) {
            let known = NAMES.iter().position(|(known, _)| *known == name);
            filled |= 1 << known.ok_or_else(unknown)?;
        }
        Ok(Self(filled))
    }

    const fn has(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }
}

fn unknown() -> Error {
    let names = NAMES.map(|(name, _)| name).join(", ");
    Error::invalid("headers", format!("Use names with commas between them: {names}"))
}
