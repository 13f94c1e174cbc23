//! JSON written into one buffer. Names of members are literals, which serde would scan for escapes each time.

use serde::Serialize;

use crate::domain::policy::Check;
use crate::http::object::OrNull;
use crate::model::{Environment, KeyId, QuotaPeriod, RequestId, ScopeSet, Timestamp, UserId, VerifyCode};

/// A value that appends its JSON.
pub(super) trait WriteJson {
    /// Whether a member with this value is left out.
    fn is_absent(&self) -> bool {
        false
    }

    /// Appends the value.
    fn write(&self, to: &mut Vec<u8>);
}

/// Implements `WriteJson` for a struct of `with_members!`. Its first member must always be present.
macro_rules! write_members {
    (=> $type:ident $(<$life:lifetime>)? [$($about:tt)+] {
        $($docs:tt $serde:tt $member:ident: $of:ty,)+
    }) => {
        impl $(<$life>)? WriteJson for $type $(<$life>)? {
            fn write(&self, to: &mut Vec<u8>) {
                let start = to.len();
                $(
                    if !self.$member.is_absent() {
                        to.extend_from_slice(concat!(",\"", stringify!($member), "\":").as_bytes());
                        self.$member.write(to);
                    }
                )+
                to[start] = b'{';
                to.push(b'}');
            }
        }
    };
}

pub(super) use write_members;

impl<T: WriteJson> WriteJson for OrNull<T> {
    fn write(&self, to: &mut Vec<u8>) {
        match &self.0 {
            Some(value) => value.write(to),
            None => to.extend_from_slice(b"null"),
        }
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn write(&self, to: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write(to);
        }
    }
}

/// Appends text that needs no escapes as a string.
pub(super) fn quoted(to: &mut Vec<u8>, text: &[u8]) {
    to.push(b'"');
    to.extend_from_slice(text);
    to.push(b'"');
}

fn serialized(to: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(to, value).expect("texts and checks are JSON");
}

/// Values whose text needs no escapes.
macro_rules! plain_text {
    ($($type:ty => |$value:ident| $text:expr;)+) => {$(
        impl WriteJson for $type {
            fn write(&self, to: &mut Vec<u8>) {
                let $value = self;
                quoted(to, $text);
            }
        }
    )+};
}

plain_text! {
    VerifyCode => |code| code.as_str().as_bytes();
    Environment => |environment| environment.as_str().as_bytes();
    QuotaPeriod => |period| period.as_str().as_bytes();
    KeyId => |id| id.encode().as_bytes();
    UserId => |id| id.encode().as_bytes();
    RequestId => |id| id.encode().as_bytes();
    Timestamp => |time| time.encode().as_bytes();
}

impl WriteJson for bool {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl WriteJson for u32 {
    fn write(&self, to: &mut Vec<u8>) {
        u64::from(*self).write(to);
    }
}

impl WriteJson for u64 {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
    }
}

impl WriteJson for &str {
    fn write(&self, to: &mut Vec<u8>) {
        serialized(to, self);
    }
}

impl WriteJson for &[Check] {
    fn write(&self, to: &mut Vec<u8>) {
        serialized(to, self);
    }
}

impl WriteJson for &ScopeSet {
    fn write(&self, to: &mut Vec<u8>) {
        to.push(b'[');
        for (place, scope) in self.iter().enumerate() {
            to.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
            to.extend_from_slice(scope.as_bytes());
            to.push(b'"');
        }
        to.push(b']');
    }
}
