//! Rows as comma-separated values (RFC 4180), fit to be opened in a spreadsheet: what strangers wrote into a path or a
//! user agent must stay text there.

use std::fmt::Write as _;

use super::rows::ActivityItem;

const COLUMNS: [&str; 23] = [
    "at",
    "id",
    "kind",
    "outcome",
    "code",
    "api",
    "key_id",
    "key_name",
    "user_id",
    "user_email",
    "client_id",
    "client_name",
    "by_key_id",
    "by_key_name",
    "by_user_id",
    "by_user_email",
    "ip",
    "method",
    "path",
    "user_agent",
    "took_us",
    "request_id",
    "count",
];

/// The first line: what the columns are.
pub(super) fn heading() -> Vec<u8> {
    format!("{},detail\r\n", COLUMNS.join(",")).into_bytes()
}

/// One line.
pub(super) fn write(into: &mut Vec<u8>, row: &ActivityItem) {
    let key = |pick: fn(&super::ActivityKey) -> &str| row.key.as_ref().map(pick);
    let user = |pick: fn(&super::ActivityUser) -> &str| row.user.as_ref().map(pick);
    let by_key = |pick: fn(&super::ActivityKey) -> &str| row.by.as_ref()?.key.as_ref().map(pick);
    let by_user = |pick: fn(&super::ActivityUser) -> &str| row.by.as_ref()?.user.as_ref().map(pick);
    let (took, count) = (row.took_us.map(|took| took.to_string()), row.count.to_string());
    let detail = row.detail.as_ref().map(ToString::to_string);
    let cells = [
        Some(row.at.as_str()),
        Some(&row.id),
        Some(&row.kind),
        Some(&row.outcome),
        Some(&row.code),
        row.api.as_deref(),
        key(|key| &key.id),
        key(|key| &key.name),
        user(|user| &user.id),
        user(|user| &user.email),
        row.client.as_ref().map(|client| client.id.as_str()),
        row.client.as_ref().map(|client| client.name.as_str()),
        by_key(|key| &key.id),
        by_key(|key| &key.name),
        by_user(|user| &user.id),
        by_user(|user| &user.email),
        row.ip.as_deref(),
        row.method.as_deref(),
        row.path.as_deref(),
        row.user_agent.as_deref(),
        took.as_deref(),
        row.request_id.as_deref(),
        Some(&count),
        detail.as_deref(),
    ];
    let line: Vec<String> = cells.into_iter().map(|text| cell(text.unwrap_or_default())).collect();
    into.extend_from_slice(line.join(",").as_bytes());
    into.extend_from_slice(b"\r\n");
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
