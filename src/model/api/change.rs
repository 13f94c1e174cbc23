//! A change of an API: the members of its description, each of which may be left out.

use serde::{Deserialize, Serialize};

use super::{ApiDescription, Preset, RoleScopes, Route, ScopeInfo, Tier};
use crate::model::KeyPrefix;
use crate::model::members::{present, with_members};

/// What a change gives for a member of the description.
pub trait Given {
    /// The value. Where the description may leave a member to its default, a change still names a value.
    type Value;

    /// Replaces the member.
    fn give(&mut self, value: Self::Value);
}

impl<T> Given for Option<T> {
    type Value = T;

    fn give(&mut self, value: T) {
        *self = Some(value);
    }
}

macro_rules! given {
    ($([$($of:tt)+] $type:ty),+) => {$(
        impl $($of)+ Given for $type {
            type Value = Self;

            fn give(&mut self, value: Self) {
                *self = value;
            }
        }
    )+};
}

given! { [<>] bool, [<>] String, [<>] RoleScopes, [<T>] Vec<T> }

/// Makes [`ApiChange`] of the members of [`ApiDescription`]. The first line of a comment says what the member is, and
/// holds for both; the lines after it are about defaults, which a change does not have.
macro_rules! change {
    (=> ApiDescription $about:tt {
        [$($slug_doc:literal)+] [] slug: $slug:ty,
        $([$doc:literal $($default:literal)*] [$($serde:tt)*] $member:ident: $of:ty,)+
    }) => {
        with_members! { $ api_change_members
        /// What changes of an API: each member that is named replaces the one before, whole. The others stay.
        #[derive(Debug, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct ApiChange {
            $(
                #[doc = $doc]
                #[serde(deserialize_with = "present")]
                pub $member: Option<<$of as $crate::model::api::Given>::Value>,
            )+
        }
        }

        impl ApiChange {
            /// Puts what is named into a description.
            pub fn onto(self, description: &mut ApiDescription) {
                $(
                    if let Some(value) = self.$member {
                        description.$member.give(value);
                    }
                )+
            }
        }
    };
}

super::api_description_members!(change);
