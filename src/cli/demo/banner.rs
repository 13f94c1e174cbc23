//! Output of the demo: its address, how to sign in, and a first request.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::super::failure::Failure;
use super::super::output::{Out, Style};
use crate::model::Role;

pub(super) struct Banner {
    pub(super) url: String,
    pub(super) owner: &'static str,
    pub(super) others: Vec<(&'static str, Role)>,
    pub(super) password: String,
    pub(super) management_key: String,
    pub(super) key: String,
}

impl Banner {
    /// Stores it beside the data, readable by the owner only, so that the next start can print it again.
    pub(super) fn keep(&self, name: &Path) -> Result<(), Failure> {
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(name);
        file.and_then(|mut file| file.write_all(self.text(|_, text| text.to_owned()).as_bytes()))
            .map_err(|error| Failure::new(format!("Cannot write {}: {error}.", name.display())))
    }

    pub(super) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let text = self.text(|style, text| out.style(style, text));
        out.bytes(text.as_bytes())
    }

    fn text(&self, style: impl Fn(Style, &str) -> String) -> String {
        let (strong, quiet) =
            (|text: &str| style(Style::Strong, text), |text: &str| style(Style::Quiet, text));
        let line = |label: &str, value: &str| format!("  {}{value}\n", quiet(&format!("{label:<12}")));
        let others: Vec<String> =
            self.others.iter().map(|(email, role)| format!("{email} ({role})")).collect();
        [
            format!(
                "\n  {}\n\n",
                strong("Keywright demo: four example APIs, their keys and a little activity")
            ),
            line("Dashboard", &format!("{}/", self.url)),
            line("Docs", &format!("{}/docs", self.url)),
            line("Sign in", &format!("{}  {}", self.owner, strong(&self.password))),
            line("", &format!("or as {}, with the same password", others.join(", "))),
            format!("\n  {}\n\n", quiet("Verify that a key may run queries:")),
            self.curl(),
            format!("\n  {}\n\n", quiet("To remove the demo, stop it and delete the directory.")),
        ]
        .concat()
    }

    fn curl(&self) -> String {
        format!(
            "    curl -s {}/v1/keys/verify \\\n      -H 'Authorization: Bearer {}' \\\n      \
             -H 'Content-Type: application/json' \\\n      \
             -d '{{\"key\": \"{}\", \"api\": \"afdb\", \"scopes\": \"queries:read\"}}'\n",
            self.url, self.management_key, self.key
        )
    }
}
