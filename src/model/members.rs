//! Structs with a list of their members, so that schemas and columns do not repeat names and comments.

use serde::{Deserialize, Deserializer};

/// Declares a struct, and a macro that passes the list of its members to another macro: `tier_members!(describe a b)`
/// becomes `describe! { a b => Tier ["…"] { ["…"] [] name: String, … } }`. `http` generates schemas and columns from
/// these lists. The `$` before the name of the list is needed for a macro inside a macro.
macro_rules! with_members {
    ($d:tt $list:ident
        $(#[doc = $about:literal])+
        $(#[derive $derive:tt])?
        $(#[serde $container:tt])*
        $vis:vis struct $type:ident $(<$life:lifetime>)? {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde $serde:tt])*
                $member_vis:vis $member:ident: $of:ty,
            )+
        }
    ) => {
        $(#[doc = $about])+
        $(#[derive $derive])?
        $(#[serde $container])*
        $vis struct $type $(<$life>)? {
            $(
                $(#[doc = $doc])+
                $(#[serde $serde])*
                $member_vis $member: $of,
            )+
        }

        macro_rules! $list {
            ($d then:ident $d ($d with:tt)*) => {
                $d then! {
                    $d ($d with)* => $type $(<$life>)? [$($about)+] {
                        $([$($doc)+] [$($serde)*] $member: $of,)+
                    }
                }
            };
        }
        #[allow(unused_imports, reason = "some lists are passed on in their own file only")]
        pub(crate) use $list;
    };
}

pub(crate) use with_members;

/// For a member that may be absent but not null: `#[serde(deserialize_with = "present")]`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
