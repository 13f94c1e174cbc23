//! One flag for each setting: `--public-url` for `public_url`.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::SETTINGS;

/// The settings given as flags: name and value.
#[derive(Clone, Default)]
pub(super) struct SettingFlags(pub(super) Vec<(&'static str, String)>);

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        // Arguments of a process are visible to every user of the machine.
        let shown = SETTINGS.iter().filter(|setting| !setting.secret);
        command.next_help_heading("Settings").args(shown.map(|setting| {
            Arg::new(setting.name)
                .long(setting.name.replace('_', "-"))
                .value_name("VALUE")
                .help(format!("{} [default: {}]", setting.about, setting.default))
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let shown = SETTINGS.iter().filter(|setting| !setting.secret);
        let given = shown.filter_map(|setting| {
            matches.get_one::<String>(setting.name).map(|value| (setting.name, value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
