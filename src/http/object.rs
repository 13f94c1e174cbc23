//! OpenAPI schemas of structs that serde reads and writes. Names, comments and types come from the declaration
//! (`model::members`). Whether a member is required or nullable, and its default, come from parsing an example with and
//! without it, so the document cannot contradict the parser.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::{Map, Value};

/// A member of a struct.
pub(super) struct Member {
    name: &'static str,
    about: &'static str,
    /// Whether serde skips it.
    is_skipped: bool,
    schema: MetaSchemaRef,
    is_option: bool,
}

impl Member {
    /// A member of type `T`. `serde` holds its attributes for serde, as they are in the source.
    pub(super) fn of<T: Type>(
        registry: &mut Registry,
        name: &'static str,
        about: &'static str,
        serde: &'static str,
    ) -> Self {
        T::register(registry);
        let is_skipped = serde == "(skip)";
        Self {
            name,
            about: about.trim_ascii(),
            is_skipped,
            schema: T::schema_ref(),
            is_option: !T::IS_REQUIRED,
        }
    }
}

/// Parses an object as the struct and serializes it again; none if it cannot be parsed.
pub(super) type Read = fn(&Map<String, Value>) -> Option<Value>;

/// Whether a member may be absent or null, and its default.
struct Rules {
    may_be_absent: bool,
    nullable: bool,
    default: Option<Value>,
}

impl Rules {
    /// For a struct that is parsed, by an example.
    fn read(member: &Member, read: Read, example: &Map<String, Value>) -> Self {
        let mut object = example.clone();
        object.remove(member.name);
        let without = read(&object);
        let default = without.as_ref().and_then(|written| written.get(member.name).cloned());
        object.insert(member.name.to_owned(), Value::Null);
        Self {
            may_be_absent: without.is_some(),
            nullable: read(&object).is_some(),
            default: default.filter(|value| !value.is_null()),
        }
    }

    /// For a struct that is only serialized: an `Option` without a value is left out.
    const fn written(member: &Member) -> Self {
        Self { may_be_absent: member.is_option, nullable: false, default: None }
    }
}

/// The schema of a struct. A struct that is parsed needs an example.
pub(super) fn schema(
    name: &str,
    about: &'static str,
    members: Vec<Member>,
    read: Option<(Read, Value)>,
) -> MetaSchema {
    let read = read.map(|(read, example)| match example {
        Value::Object(example) if read(&example).is_some() => (read, example),
        other => panic!("the example of {name} cannot be parsed: {other}"),
    });
    let mut schema = MetaSchema {
        title: Some(name.to_owned()),
        description: Some(about.trim_ascii()),
        ..MetaSchema::new("object")
    };
    for member in members.into_iter().filter(|member| !member.is_skipped) {
        let rules = match &read {
            Some((read, example)) => Rules::read(&member, *read, example),
            None => Rules::written(&member),
        };
        if !rules.may_be_absent {
            schema.required.push(member.name);
        }
        let about = MetaSchema {
            description: Some(member.about),
            nullable: rules.nullable,
            default: rules.default,
            ..MetaSchema::ANY
        };
        schema.properties.push((member.name, member.schema.merge(about)));
    }
    schema.example =
        read.map(|(_, example)| example).filter(|example| !example.is_empty()).map(Value::Object);
    schema
}

/// A member that is always present and may be null. An `Option` without a value is left out instead.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct OrNull<T>(pub Option<T>);

impl<T: Type> Type for OrNull<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref().merge(MetaSchema { nullable: true, ..MetaSchema::ANY })
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(T::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(self.0.iter().flat_map(T::raw_element_iter))
    }
}

/// Implements `Type` for a struct of `with_members!`. A struct that is parsed gives an example:
/// `tier_members!(object reads "ApiTier" {"name": "pro"})`. One that is only serialized gives none:
/// `check_members!(object writes "VerifyCheck" null)`.
macro_rules! object {
    ($how:ident $name:literal $example:tt => $type:ident $(<$life:lifetime>)? [$($about:literal)+] {
        $([$($doc:literal)+] [$($serde:tt)*] $member:ident: $of:ty,)+
    }) => {
        impl $(<$life>)? poem_openapi::types::Type for $type $(<$life>)? {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Reference($name.to_owned())
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                use $crate::http::object::{Member, schema};
                registry.create_schema::<Self, _>($name.to_owned(), |registry| {
                    let members = vec![$(Member::of::<$of>(
                        registry,
                        stringify!($member),
                        concat!($($doc),+),
                        stringify!($($serde)*),
                    )),+];
                    let read = $crate::http::object::read!($how $type $example);
                    schema($name, concat!($($about),+), members, read)
                });
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

macro_rules! read {
    (writes $type:ident null) => {
        None
    };
    (reads $type:ident $example:tt) => {
        Some((
            (|object| {
                let text = serde_json::to_string(object).ok()?;
                let read = serde_json::from_str::<$type>(&text).ok()?;
                serde_json::to_value(read).ok()
            }) as $crate::http::object::Read,
            serde_json::json!($example),
        ))
    };
}

pub(super) use {object, read};
