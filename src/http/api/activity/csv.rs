//! Rows as comma-separated values (RFC 4180), fit to be opened in a spreadsheet: what strangers wrote into a path or a
//! user agent must stay text there.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::rows::ActivityItem;

/// A column: its name, and its text of a row.
type Column = (&'static str, fn(&ActivityItem) -> Option<Cow<'_, str>>);

/// Every column, in the order of the file.
const COLUMNS: &[Column] = &[
    ("at", |row| text(&row.at)),
    ("id", |row| text(&row.id)),
    ("kind", |row| text(&row.kind)),
    ("outcome", |row| text(&row.outcome)),
    ("code", |row| text(&row.code)),
    ("api", |row| text(row.api.as_ref()?)),
    ("key_id", |row| text(&row.key.as_ref()?.id)),
    ("key_name", |row| text(&row.key.as_ref()?.name)),
    ("user_id", |row| text(&row.user.as_ref()?.id)),
    ("user_email", |row| text(&row.user.as_ref()?.email)),
    ("client_id", |row| text(&row.client.as_ref()?.id)),
    ("client_name", |row| text(&row.client.as_ref()?.name)),
    ("by_key_id", |row| text(&row.by.as_ref()?.key.as_ref()?.id)),
    ("by_key_name", |row| text(&row.by.as_ref()?.key.as_ref()?.name)),
    ("by_user_id", |row| text(&row.by.as_ref()?.user.as_ref()?.id)),
    ("by_user_email", |row| text(&row.by.as_ref()?.user.as_ref()?.email)),
    ("ip", |row| text(row.ip.as_ref()?)),
    ("method", |row| text(row.method.as_ref()?)),
    ("path", |row| text(row.path.as_ref()?)),
    ("user_agent", |row| text(row.user_agent.as_ref()?)),
    ("took_us", |row| Some(row.took_us?.to_string().into())),
    ("request_id", |row| text(row.request_id.as_ref()?)),
    ("count", |row| Some(row.count.to_string().into())),
    ("detail", |row| Some(row.detail.as_ref()?.to_string().into())),
];

fn text(text: &str) -> Option<Cow<'_, str>> {
    Some(text.into())
}

/// The first line: the names of the columns.
pub(super) fn heading() -> Vec<u8> {
    line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()))
}

/// One line.
pub(super) fn write(into: &mut Vec<u8>, row: &ActivityItem) {
    let cells = COLUMNS.iter().map(|(_, value)| cell(&value(row).unwrap_or_default()));
    into.extend(line(cells));
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
    fn what_strangers_write_stays_text() {
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
        let row = ActivityItem { count: 1, ..ActivityItem::default() };
        let mut line = Vec::new();
        write(&mut line, &row);
        let commas = |text: &[u8]| text.iter().filter(|byte| **byte == b',').count();
        assert_eq!(commas(&line), commas(&heading()));
    }
}
