//! The command line: one file per subcommand. All except `serve` and `init` call REST through `control.sock`, with the
//! server that has the data directory open or with one that is started for the command.

mod activity;
mod api;
mod app;
mod client;
mod clock;
mod completions;
mod demo;
mod failure;
mod init;
mod instance;
mod key;
mod log;
mod openapi;
mod output;
mod proxy_config;
mod repeats;
mod serve;
mod settings;
mod signing_key;
mod user;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, DEFAULT_DATA_DIR, Loaded, Sources};
use failure::Failure;
use output::Out;

/// Result of a subcommand.
type CommandResult = std::result::Result<(), Failure>;

/// API authentication in one binary and one SQLite file.
#[derive(Parser)]
#[command(name = "keywright", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Global {
    /// Data directory [variable: KEYWRIGHT_DATA] [default: ./keywright-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [variable: KEYWRIGHT_CONFIG] [default: keywright.toml in the data directory]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Create a data directory with an owner and one management key
    Init(init::Init),
    /// Run the server
    Serve(serve::Serve),
    /// API keys
    #[command(subcommand)]
    Key(key::Key),
    /// Protected APIs
    #[command(subcommand)]
    Api(api::Api),
    /// OAuth clients
    #[command(subcommand)]
    Client(app::App),
    /// People
    #[command(subcommand)]
    User(user::User),
    /// Signing keys of access tokens
    #[command(subcommand)]
    SigningKey(signing_key::SigningKey),
    /// The wall clock
    #[command(subcommand)]
    Clock(clock::Clock),
    /// The log of every decision and every change
    #[command(subcommand)]
    Activity(activity::Activity),
    /// Print a configuration for the proxy in front of an API
    ProxyConfig(proxy_config::ProxyConfig),
    /// Print the OpenAPI document
    Openapi,
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// Context of every subcommand.
struct Context {
    data_dir: PathBuf,
    config_file: Option<PathBuf>,
    variables: Vec<(String, String)>,
    out: Out,
}

impl Context {
    fn new(global: Global, variables: Vec<(String, String)>) -> Self {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| PathBuf::from(value))
        };
        Self {
            data_dir: global
                .data
                .or_else(|| variable("KEYWRIGHT_DATA"))
                .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR)),
            config_file: global.config.or_else(|| variable("KEYWRIGHT_CONFIG")),
            out: Out::stdout(&variables),
            variables,
        }
    }

    /// The configuration, with `flags` on top.
    fn load(&self, flags: Vec<(&'static str, String)>) -> Result<Loaded, Failure> {
        Ok(Config::load(Sources {
            data_dir: &self.data_dir,
            file: self.config_file.as_deref(),
            variables: self.variables.clone(),
            flags,
        })?)
    }
}

/// Runs the program with these arguments and this environment.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout; a closed output is not an error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::USAGE));
        }
    };
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    let variables = environment.into_iter().map(|(name, value)| (lossy(name), lossy(value))).collect();
    let mut context = Context::new(cli.global, variables);
    let done = dispatch(cli.command, &mut context);
    match done.and_then(|()| context.out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(command: Command, context: &mut Context) -> CommandResult {
    match command {
        Command::Openapi => openapi::run(context),
        Command::Completions(completions) => completions.run(context),
        Command::Init(init) => instance::block_on(init.run(context)),
        Command::Serve(serve) => instance::block_on(serve.run(context)),
        Command::Key(key) => instance::block_on(key.run(context)),
        Command::Api(api) => instance::block_on(api.run(context)),
        Command::Client(client) => instance::block_on(client.run(context)),
        Command::User(user) => instance::block_on(user.run(context)),
        Command::ProxyConfig(proxy) => instance::block_on(proxy.run(context)),
        Command::SigningKey(key) => instance::block_on(key.run(context)),
        Command::Clock(clock) => instance::block_on(clock.run(context)),
        Command::Activity(activity) => instance::block_on(activity.run(context)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
