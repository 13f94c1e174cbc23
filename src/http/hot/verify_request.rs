//! The body of `POST /v1/keys/verify`, which borrows its texts.

use std::borrow::Cow;

use poem_openapi::registry::MetaSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::http::object::object;
use crate::http::schema::plain_type;
use crate::model::members::with_members;
use crate::model::{Address, RequestedEnvironment};

with_members! { $ verify_request_members
/// A key to verify. Optional members may be null.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyRequest<'b> {
    /// The key as it was presented.
    #[serde(borrow)]
    pub(super) key: Text<'b>,
    /// Slug of the API that it must belong to.
    #[serde(borrow)]
    pub(super) api: Text<'b>,
    /// What it must hold: scope names, `AND`, `OR` and parentheses; 1,000 characters and 20 levels at most.
    #[serde(borrow, default)]
    pub(super) scopes: Option<Text<'b>>,
    /// `live` (the default), `test` or `any`.
    #[serde(default)]
    pub(super) environment: Option<RequestedEnvironment>,
    /// How many requests it counts as; 1 when left out.
    #[serde(default)]
    pub(super) cost: Option<u32>,
    /// The request that the key came with, for the address check and the log.
    #[serde(borrow, default)]
    pub(super) request: Option<DescribedRequest<'b>>,
    /// Adds `checks`: every rule in order, with the values that it compared.
    #[serde(default)]
    pub(super) explain: Option<bool>,
}
}

with_members! { $ described_request_members
/// The request that a key came with.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DescribedRequest<'b> {
    /// Where it came from; a key with `allowed_ips` is refused without it.
    #[serde(default)]
    pub(super) ip: Option<Address>,
    /// Its method.
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'b>>,
    /// Its path.
    #[serde(borrow, default)]
    pub(super) path: Option<Text<'b>>,
    /// Its User-Agent.
    #[serde(borrow, default)]
    pub(super) user_agent: Option<Text<'b>>,
}
}

verify_request_members!(object reads "VerifyRequest" {
    "key": "afdb_live_…",
    "api": "afdb",
    "scopes": "queries:read AND (dashboards:read OR admin)",
    "request": { "ip": "203.0.113.9", "method": "POST", "path": "/v1/queries" }
});
described_request_members!(object reads "DescribedRequest" {
    "ip": "203.0.113.9", "method": "POST", "path": "/v1/queries"
});

/// Text that is copied only if it has escapes.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Text<'b>(pub(super) Cow<'b, str>);

plain_type!(Text<'_>, "Text", MetaSchema::new("string"));

impl<'de: 'b, 'b> Deserialize<'de> for Text<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
