//! Rows as comma-separated values (RFC 4180) for spreadsheets. A path or a user agent is chosen by the client and must
//! stay text there.

use std::fmt::Write as _;

use crate::model::activity::{
    Activity, Actor, ClientName, Detail, KeyName, Kind, Method, Outcome, Reason, UserName, activity_members,
    actor_members, client_name_members, key_name_members, user_name_members,
};
use crate::model::{ActivityId, Address, ClientId, Environment, KeyId, RequestId, Timestamp, UserId};

/// A value of one or more columns. Columns of a struct have the names of its members: `key_id` for the `id` of `key`.
trait Columns {
    /// Appends the names of the columns of a member that is called `name`.
    fn names(name: &str, to: &mut Vec<String>);

    /// Appends the text of each column: empty texts without a value.
    fn cells(value: Option<&Self>, to: &mut Vec<String>);
}

impl<T: Columns> Columns for Option<T> {
    fn names(name: &str, to: &mut Vec<String>) {
        T::names(name, to);
    }

    fn cells(value: Option<&Self>, to: &mut Vec<String>) {
        T::cells(value.and_then(Self::as_ref), to);
    }
}

macro_rules! one_column {
    ($($type:ty => $text:expr),+ $(,)?) => {$(
        impl Columns for $type {
            fn names(name: &str, to: &mut Vec<String>) {
                to.push(name.to_owned());
            }

            fn cells(value: Option<&Self>, to: &mut Vec<String>) {
                to.push(value.map($text).unwrap_or_default());
            }
        }
    )+};
}

one_column! {
    Timestamp => Self::to_string,
    ActivityId => Self::to_string,
    KeyId => Self::to_string,
    UserId => Self::to_string,
    ClientId => Self::to_string,
    RequestId => Self::to_string,
    Kind => Self::to_string,
    Outcome => Self::to_string,
    Reason => Self::to_string,
    Method => Self::to_string,
    Environment => Self::to_string,
    Address => Self::to_string,
    String => Self::to_string,
    &str => Self::to_string,
    u32 => Self::to_string,
    Detail => |detail: &Detail| detail.as_str().to_owned(),
}

macro_rules! columns {
    (=> $type:ident $about:tt { $($docs:tt $serde:tt $member:ident: $of:ty,)+ }) => {
        impl Columns for $type {
            fn names(name: &str, to: &mut Vec<String>) {
                let prefix = if name.is_empty() { String::new() } else { format!("{name}_") };
                $(<$of as Columns>::names(&format!("{prefix}{}", stringify!($member)), to);)+
            }

            fn cells(value: Option<&Self>, to: &mut Vec<String>) {
                $(<$of as Columns>::cells(value.map(|value| &value.$member), to);)+
            }
        }
    };
}

activity_members!(columns);
key_name_members!(columns);
user_name_members!(columns);
client_name_members!(columns);
actor_members!(columns);

/// The first line: the names of the columns.
pub(super) fn heading() -> Vec<u8> {
    let mut names = Vec::new();
    Activity::names("", &mut names);
    line(names.into_iter())
}

/// One line.
pub(super) fn write(into: &mut Vec<u8>, row: &Activity) {
    let mut cells = Vec::new();
    Activity::cells(Some(row), &mut cells);
    into.extend(line(cells.iter().map(|text| cell(text))));
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line.into_bytes()
}

/// A cell that no spreadsheet takes for a formula, without control characters, quoted where it must be.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 2);
    // Spreadsheets look past leading blanks.
    if text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']) {
        safe.push('\'');
    }
    for character in text.chars() {
        match character {
            '"' => safe.push_str("\"\""),
            control if control.is_control() => {
                let _ = write!(safe, "\\u{:04x}", u32::from(control));
            }
            other => safe.push(other),
        }
    }
    if safe.contains(['"', ',', ';', ' ', '\'']) { format!("\"{safe}\"") } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_clients_stays_text() {
        for (text, expected) in [
            ("/v1/queries", "/v1/queries"),
            ("", ""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\\u0009=1\""),
            ("a\r\nb\u{1b}[31m", "a\\u000d\\u000ab\\u001b[31m"),
            ("say \"hi\", you", "\"say \"\"hi\"\", you\""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_heading_names_every_column() {
        let key: KeyName = serde_json::from_value(serde_json::json!({
            "id": "key_01h455vb4pex5vsknk084sn02q", "name": "CI", "environment": "live",
        }))
        .unwrap();
        let row = Activity {
            at: Timestamp::MIN,
            id: ActivityId::from_u128(1),
            kind: Kind::KeyRevoked,
            outcome: Outcome::Changed,
            code: Reason::Valid,
            why: None,
            api: None,
            key: None,
            user: None,
            client: None,
            by: Actor::of(Some(key), None),
            ip: None,
            method: None,
            path: None,
            user_agent: None,
            took_us: None,
            request_id: None,
            count: 1,
            detail: None,
        };
        let mut text = heading();
        write(&mut text, &row);
        let text = String::from_utf8(text).unwrap();
        let (heading, line) = text.trim_end().split_once("\r\n").unwrap();
        let named: Vec<_> =
            heading.split(',').zip(line.split(',')).filter(|(_, cell)| !cell.is_empty()).collect();
        assert_eq!(heading.split(',').count(), line.split(',').count());
        assert_eq!(named[2..5], [("kind", "key.revoked"), ("outcome", "changed"), ("code", "VALID")]);
        assert_eq!(
            named[5..],
            [
                ("by_key_id", "key_01h455vb4pex5vsknk084sn02q"),
                ("by_key_name", "CI"),
                ("by_key_environment", "live"),
                ("count", "1")
            ]
        );
    }
}
