//! A person who signs in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::deceptive;
use super::words::FromText;
use super::{Role, Timestamp, UserId};

/// A person, without what proves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: UserId,
    /// Where mail reaches them; what they sign in with.
    pub email: Email,
    /// What others call them.
    pub name: String,
    /// What they are here.
    pub role: Role,
    /// When a link in a mail to them was followed.
    pub email_verified_at: Option<Timestamp>,
    /// Since when they may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// Whether a second factor is asked of them.
    pub second_factor: bool,
    /// When they last used one of the sessions that are still kept.
    pub last_active_at: Option<Timestamp>,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// Number, id and role: how a `Identity` names a person.
    pub const fn identity(&self) -> (i64, UserId, Role) {
        (self.no, self.id, self.role)
    }
}

/// The address of a person: as they write it, and as it is compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

impl Email {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it is compared: lower case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmailError;

impl fmt::Display for EmailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Give an email address such as ada@example.com.")
    }
}

impl std::error::Error for EmailError {}

impl FromStr for Email {
    type Err = EmailError;

    /// Spaces around it are dropped. The form is RFC 5321's without quotes, comments and address literals, which
    /// nobody's mailbox has and which hide injections.
    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let local_ok = (1..=64).contains(&local.len()) && local.chars().all(is_local_char);
        let domain_ok = domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        if text.len() > 254 || !local_ok || !domain_ok || deceptive(text).is_some() {
            return Err(EmailError);
        }
        Ok(Self { text: text.to_owned(), key: text.to_lowercase() })
    }
}

fn is_local_char(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("ada@example.com"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_spaces_around_do_not_matter() {
        let email: Email = "  Ada.Lovelace@Example.COM ".parse().unwrap();
        assert_eq!((email.as_str(), email.key()), ("Ada.Lovelace@Example.COM", "ada.lovelace@example.com"));
        assert_eq!(email.key(), "ADA.lovelace@example.com".parse::<Email>().unwrap().key());
        assert!("jürgen@müller.example".parse::<Email>().is_ok());
        assert!("root@localhost".parse::<Email>().is_ok());
    }

    #[test]
    fn what_no_mailbox_has_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "a@b@c.example",
            "a@-x.example",
            "a@x..y",
            "\"a\"@x.example",
            "a@[127.0.0.1]",
            "a@x.example\r\nBcc: b@y.example",
            "a,b@x.example",
            "<a@x.example>",
            "\u{3164}@x.example",
            "ada@\u{115f}.example",
            long.as_str(),
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
        assert_eq!(EmailError.to_string(), "Give an email address such as ada@example.com.");
    }

    #[test]
    fn an_address_has_at_most_254_bytes() {
        let label = |length| "a".repeat(length);
        let address = |last| format!("{}@{}.{}.{}", label(64), label(63), label(63), label(last));
        assert_eq!(address(61).len(), 254);
        assert!(address(61).parse::<Email>().is_ok());
        assert!(address(62).parse::<Email>().is_err());
        assert!(address(63).parse::<Email>().is_err());
    }

    #[test]
    fn an_address_prints_as_it_was_written() {
        let email: Email = "Ada@example.com".parse().unwrap();
        assert_eq!(format!("{email}|{email:?}"), "Ada@example.com|\"Ada@example.com\"");
    }
}
