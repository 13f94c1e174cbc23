//! A person who signs in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::string_enum::FromText;
use super::text::deceptive;
use super::{Role, Timestamp, UserId};

/// A person, without their credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Row number.
    pub no: i64,
    /// Public id.
    pub id: UserId,
    /// Email address, with which they sign in.
    pub email: Email,
    /// Display name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Time at which the address was confirmed by a link in a mail.
    pub email_verified_at: Option<Timestamp>,
    /// Time at which the person was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Whether sign-in requires a second factor.
    pub second_factor: bool,
    /// Time of the last use of a stored session.
    pub last_active_at: Option<Timestamp>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

impl User {
    /// Number, id and role of the person for an `Identity`.
    pub const fn identity(&self) -> (i64, UserId, Role) {
        (self.no, self.id, self.role)
    }
}

/// Email address: as written, and as compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

impl Email {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As compared: lower case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A text that is not an email address.
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

    /// Spaces around it are removed. The form is that of RFC 5321 without quotes, comments and address literals, which
    /// real mailboxes do not use and which can hide injections.
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
