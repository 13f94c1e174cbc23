//! A change of an API: the members of its description, all optional.

use serde::{Deserialize, Serialize};

use super::{ApiDescription, Preset, RoleScopes, Route, ScopeInfo, Tier};
use crate::model::KeyPrefix;
use crate::model::members::{present, with_members};

/// The value of a member in a change.
pub trait Replace {
    /// Type of the value. A change cannot return a member to its default, so it is never optional.
    type Value;

    /// Replaces the member.
    fn replace(&mut self, value: Self::Value);
}

impl<T> Replace for Option<T> {
    type Value = T;

    fn replace(&mut self, value: T) {
        *self = Some(value);
    }
}

macro_rules! replace {
    ($([$($of:tt)+] $type:ty),+) => {$(
        impl $($of)+ Replace for $type {
            type Value = Self;

            fn replace(&mut self, value: Self) {
                *self = value;
            }
        }
    )+};
}

replace! { [<>] bool, [<>] String, [<>] RoleScopes, [<T>] Vec<T> }

/// Generates [`ApiChange`] from the members of [`ApiDescription`]. The first line of a comment describes the member in
/// both; further lines describe its default, which a change does not have.
macro_rules! change {
    (=> ApiDescription $about:tt {
        [$($slug_doc:literal)+] [] slug: $slug:ty,
        $([$doc:literal $($default:literal)*] [$($serde:tt)*] $member:ident: $of:ty,)+
    }) => {
        with_members! { $ api_change_members
        /// A change of an API. A member replaces its former value, lists as a whole; members that are left out stay.
        #[derive(Debug, Clone, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct ApiChange {
            $(
                #[doc = $doc]
                #[serde(deserialize_with = "present")]
                pub $member: Option<<$of as $crate::model::api::Replace>::Value>,
            )+
        }
        }

        impl ApiChange {
            /// Applies the change to a description.
            pub fn onto(self, description: &mut ApiDescription) {
                $(
                    if let Some(value) = self.$member {
                        description.$member.replace(value);
                    }
                )+
            }
        }
    };
}

super::api_description_members!(change);
