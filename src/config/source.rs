//! Sources of settings, and their mistakes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::settings::SETTINGS;

/// Sources, in ascending precedence.
pub struct Sources<'s> {
    /// The data directory; its `keywright.toml` is read if no other file is given.
    pub data_dir: &'s Path,
    /// File of `--config`; it must exist.
    pub file: Option<&'s Path>,
    /// Environment; only `KEYWRIGHT_*` variables are read.
    pub variables: Vec<(String, String)>,
    /// Flags: name and value.
    pub flags: Vec<(&'static str, String)>,
}

impl<'s> Sources<'s> {
    /// Defaults only.
    pub fn none(data_dir: &'s Path) -> Self {
        Self { data_dir, file: None, variables: Vec::new(), flags: Vec::new() }
    }
}

/// Origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The default.
    Default,
    /// Line of a file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// On the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A mistake with its origin and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting, if it concerns one.
    pub setting: Option<String>,
    /// Origin.
    pub origin: Origin,
    /// What is wrong and how to correct it.
    pub sentence: String,
}

impl Mistake {
    pub(super) fn new(setting: &str, origin: &Origin, sentence: impl Into<String>) -> Self {
        Self { setting: Some(setting.to_owned()), origin: origin.clone(), sentence: sentence.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.setting, &self.origin) {
            (Some(name), Origin::Default) => write!(f, "{name}: {}", self.sentence),
            (Some(name), origin) => write!(f, "{name} ({origin}): {}", self.sentence),
            (None, origin) => write!(f, "{origin}: {}", self.sentence),
        }
    }
}

/// Values by setting; the last source wins. Lists are joined by commas.
#[derive(Default)]
pub(super) struct Values {
    pub(super) given: BTreeMap<&'static str, (String, Origin)>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
}

impl Values {
    pub(super) fn read(sources: Sources<'_>) -> Self {
        let mut values = Self::default();
        let beside = sources.data_dir.join("keywright.toml");
        match sources.file {
            Some(file) => values.read_file(file),
            None if beside.exists() => values.read_file(&beside),
            None => {}
        }
        for (name, value) in sources.variables {
            values.read_variable(&name, value);
        }
        for (name, value) in sources.flags {
            values.given.insert(name, (value, Origin::Flag(flag(name))));
        }
        values
    }

    fn read_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let sentence =
                    format!("cannot read this file ({error}): name one that exists and is readable");
                return self.mistakes.push(Mistake {
                    setting: None,
                    origin: Origin::Flag(format!("--config {}", path.display())),
                    sentence,
                });
            }
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.mistakes.push(Mistake {
                setting: None,
                origin: Origin::File(path.to_owned(), line(at)),
                sentence: format!("this is not TOML: {}", error.message()),
            });
        }
        for (key, value) in table.get_ref() {
            let origin = Origin::File(path.to_owned(), line(key.span().start));
            self.read_entry(key.get_ref(), value.get_ref(), origin);
        }
    }

    fn read_entry(&mut self, key: &str, value: &DeValue<'_>, origin: Origin) {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
            let sentence = format!("there is no such setting{}", suggestion(key));
            return self.mistakes.push(Mistake::new(key, &origin, sentence));
        };
        match as_text(value) {
            Some(text) => {
                self.given.insert(setting.name, (text, origin));
            }
            None => self.mistakes.push(Mistake::new(
                key,
                &origin,
                format!(
                    "this is a {}: write a text, a number, true or false, or a list of texts",
                    value.type_str()
                ),
            )),
        }
    }

    fn read_variable(&mut self, name: &str, value: String) {
        let Some(key) = name.strip_prefix("KEYWRIGHT_").map(str::to_lowercase) else { return };
        // The first two belong to the command line; in compose files an empty value means "not set".
        if matches!(key.as_str(), "data" | "config") || value.is_empty() {
            return;
        }
        let origin = Origin::Variable(name.to_owned());
        match SETTINGS.iter().find(|setting| setting.name == key) {
            Some(setting) => {
                self.given.insert(setting.name, (value, origin));
            }
            // Only a near miss is a mistake; other variables may belong to other programs, as Kubernetes sets
            // KEYWRIGHT_PORT for a service of that name.
            None if nearest(&key).is_some() => {
                let sentence = format!("there is no such setting{}", suggestion(&key));
                self.mistakes.push(Mistake { setting: None, origin, sentence });
            }
            None if key.starts_with("port") || key.starts_with("service_") => {}
            None => self.warnings.push(format!("{name} is not a setting and was ignored")),
        }
    }
}

/// The flag of a setting.
pub(super) fn flag(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

fn as_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(word) => Some(word.to_string()),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str());
            texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
        }
        _ => None,
    }
}

fn suggestion(key: &str) -> String {
    match nearest(key) {
        Some(name) => format!(": did you mean {name}?"),
        None => ": remove it, or see `keywright serve --help` for what there is".to_owned(),
    }
}

/// The setting of which `key` is most likely a misspelling.
fn nearest(key: &str) -> Option<&'static str> {
    let names = SETTINGS.iter().map(|setting| (strsim::levenshtein(key, setting.name), setting.name));
    let (distance, name) = names.min()?;
    (distance <= 1 + name.len() / 6).then_some(name)
}
