//! OpenAPI schemas of the model's types, so that requests and responses hold them directly. The type itself checks a
//! value, and its error comes under the name of the field.

use std::borrow::Cow;
use std::marker::PhantomData;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::policy::CheckResult;
use crate::model::activity::{Kind, Method, Outcome, Reason};
use crate::model::{
    ActivityId, Address, ApiId, ClientId, Environment, KeyId, KeyPrefix, KeyStatus, LimitPer, Proxy,
    QuotaPeriod, RequestId, RequestedEnvironment, Scope, ScopeExpr, ScopeSet, Secret, Timestamp, UserId,
    VerifyCode,
};

/// The parts of `Type` that are the same for every type that is one value of JSON.
macro_rules! plain_type {
    ($type:ty, $name:literal, $schema:expr) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'i>(&'i self) -> Box<dyn Iterator<Item = &'i Self> + 'i> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

pub(super) use plain_type;

/// The traits that poem-openapi needs for members of its own objects, by serde.
macro_rules! json_type {
    ($type:ty) => {
        impl poem_openapi::types::ParseFromJSON for $type {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default())
                    .map_err(poem_openapi::types::ParseError::custom)
            }
        }

        impl poem_openapi::types::ToJSON for $type {
            fn to_json(&self) -> Option<serde_json::Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}

pub(super) use json_type;

macro_rules! value_type {
    ($type:ty, $name:literal, $schema:expr) => {
        plain_type!($type, $name, $schema);
        json_type!($type);
    };
}

/// Strings of a certain form, with an example.
macro_rules! texts {
    ($($type:ty = $name:literal $example:literal),+ $(,)?) => {$(
        value_type!($type, $name, MetaSchema { example: Some(json!($example)), ..MetaSchema::new("string") });
    )+};
}

texts! {
    KeyId = "KeyId" "key_01h455vb4pex5vsknk084sn02q",
    ApiId = "ApiId" "api_01h455vb4pex5vsknk084sn02q",
    UserId = "UserId" "usr_01h455vb4pex5vsknk084sn02q",
    ClientId = "ClientId" "app_01h455vb4pex5vsknk084sn02q",
    ActivityId = "ActivityId" "act_01h455vb4pex5vsknk084sn02q",
    Address = "Address" "203.0.113.9",
    RequestId = "RequestId" "req_01h455vb4pex5vsknk084sn02q",
    KeyPrefix = "KeyPrefix" "afdb",
    Scope = "Scope" "queries:read",
    ScopeExpr = "ScopeExpr" "queries:read AND (dashboards:read OR admin)",
}

value_type!(
    Timestamp,
    "Timestamp",
    MetaSchema {
        format: Some("date-time"),
        example: Some(json!("2027-01-01T00:00:00Z")),
        ..MetaSchema::new("string")
    }
);

value_type!(
    ScopeSet,
    "ScopeSet",
    MetaSchema {
        items: Some(Box::new(Scope::schema_ref())),
        unique_items: Some(true),
        example: Some(json!(["dashboards:read", "queries:read"])),
        ..MetaSchema::new("array")
    }
);

/// String enums, in bodies and in queries.
macro_rules! words {
    ($($type:ty = $name:literal),+ $(,)?) => {$(
        value_type!($type, $name, MetaSchema {
            enum_items: <$type>::NAMES.iter().map(|word| json!(word)).collect(),
            ..MetaSchema::new("string")
        });

        impl ParseFromParameter for $type {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                value.parse().map_err(ParseError::custom)
            }
        }
    )+};
}

words! {
    Environment = "Environment",
    RequestedEnvironment = "AskedEnvironment",
    KeyStatus = "KeyStatus",
    Proxy = "Proxy",
    LimitPer = "LimitPer",
    QuotaPeriod = "QuotaPeriod",
    VerifyCode = "VerifyCode",
    CheckResult = "CheckResult",
    Kind = "ActivityKind",
    Outcome = "Outcome",
    Reason = "Reason",
    Method = "Method",
}

plain_type!(Secret, "Secret", MetaSchema { format: Some("password"), ..MetaSchema::new("string") });

impl ParseFromJSON for Secret {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

impl ToJSON for Secret {
    /// A secret is read and never written.
    fn to_json(&self) -> Option<Value> {
        None
    }
}

/// A new secret in the response that shows it once. Unlike [`Secret`] it is serialized; its `Debug` is redacted too.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct ShownOnce(pub Secret);

impl Serialize for ShownOnce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

value_type!(ShownOnce, "ShownOnce", MetaSchema::new("string"));

/// An object with arbitrary members.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FreeObject(pub Map<String, Value>);

value_type!(
    FreeObject,
    "FreeObject",
    MetaSchema {
        additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
        example: Some(json!({ "plan": "growth" })),
        ..MetaSchema::new("object")
    }
);

/// A query parameter with the schema of `T`. Its text is parsed later, so that one error can name every parameter that
/// is wrong.
pub struct Unparsed<T> {
    text: String,
    target: PhantomData<T>,
}

impl<T> Unparsed<T> {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<T: Type> Type for Unparsed<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Type> ParseFromParameter for Unparsed<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self { text: text.to_owned(), target: PhantomData })
    }
}

/// For a member that may be absent, null or set: `#[serde(default, deserialize_with = "edit")]`.
pub fn edit<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}
