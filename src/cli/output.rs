//! Output of commands: text for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::failure::Failure;

/// Standard output, with styles on a terminal.
pub(super) struct Out {
    to: Box<dyn Write>,
    styled: bool,
}

/// Emphasis of a text.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Strong,
    Quiet,
}

/// A warning on stderr, so that standard output has only the output of the command.
pub(super) fn warn(text: &str) {
    // If stderr is closed, the command goes on.
    let _ = writeln!(io::stderr(), "keywright: warning: {}", printable(text));
}

impl Out {
    pub(super) fn stdout(variables: &[(String, String)]) -> Self {
        let set = |name: &str| variables.iter().any(|(key, value)| key == name && !value.is_empty());
        let dumb = variables.iter().any(|(key, value)| key == "TERM" && value == "dumb");
        Self {
            styled: io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
            to: Box::new(io::BufWriter::new(io::stdout())),
        }
    }

    /// `text` in `style`, if the output is a terminal.
    pub(super) fn style(&self, style: Style, text: &str) -> String {
        match (self.styled, style) {
            (false, _) => text.to_owned(),
            (true, Style::Strong) => format!("\x1b[1m{text}\x1b[0m"),
            (true, Style::Quiet) => format!("\x1b[2m{text}\x1b[0m"),
        }
    }

    /// One line. Pass text from other sources through [`printable`] first.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{}", text.as_ref())?)
    }

    /// Raw bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.to.write_all(bytes)?)
    }

    /// A JSON value, indented.
    pub(super) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.to, value).map_err(io::Error::from)?;
        self.line("")
    }

    /// Rows in columns with headings.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
        let widths: Vec<usize> = (0..headings.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.chain([headings[column].len()]).max().unwrap_or(0)
            })
            .collect();
        let heading = pad(headings, &widths);
        self.line(self.style(Style::Quiet, &heading))?;
        rows.iter().try_for_each(|row| self.line(pad(row, &widths)))
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }
}

fn pad(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, &width)| format!("{:width$}", cell.as_ref()));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// `text` without terminal control characters; line breaks are kept.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// A cell for a JSON value: a dash for null, plain text, lists with spaces.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.replace('\n', " "),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(pad(&["a", "bc"], &[3, 2]), "a    bc");
        assert_eq!(pad(&["ä", ""], &[3, 2]), "ä");
    }

    #[test]
    fn nothing_that_others_wrote_steers_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\r\u{9b}\nc"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\nc");
    }

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(cell(&json!(["read", "write"])), "read write");
        assert_eq!((cell(&json!(null)), cell(&json!(3))), ("–".to_owned(), "3".to_owned()));
    }
}
