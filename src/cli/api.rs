//! `keywright api …`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Query, percent};
use super::failure::Failure;
use super::output::{self, cell, printable};
use super::{CommandResult, Context};
use crate::model::api::ApiDescription;

/// Protected APIs.
#[derive(Subcommand)]
pub(super) enum Api {
    /// Create or change an API from a description file (idempotent)
    Apply(Apply),
    /// List the APIs
    List(List),
    /// Print the description of one API, as `apply` takes it
    Show(Show),
    /// Show which route a request matches and what it needs
    TestRoute(TestRoute),
}

/// Apply a description.
#[derive(Args)]
pub(super) struct Apply {
    /// A TOML file; - reads standard input
    file: PathBuf,
    /// Admit any valid key at forward-auth; needed where the file removes the last route
    #[arg(long)]
    open: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List the APIs.
#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Print one API.
#[derive(Args)]
pub(super) struct Show {
    /// The API's slug
    slug: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Test a request.
#[derive(Args)]
pub(super) struct TestRoute {
    /// The API's slug
    slug: String,
    /// The request's method
    method: String,
    /// The request's path, such as /v1/queries
    uri: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Api {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        // An unreadable file is reported before a server is contacted.
        let description = match &self {
            Self::Apply(apply) => Some(apply.description()?),
            _ => None,
        };
        let mut client = Client::open(context).await?;
        let done = match (self, description) {
            (Self::Apply(apply), Some(description)) => apply.run(&mut client, context, &description).await,
            (Self::List(list), _) => list.run(&mut client, context).await,
            (Self::Show(show), _) => show.run(&mut client, context).await,
            (Self::TestRoute(test), _) => test.run(&mut client, context).await,
            (Self::Apply(_), None) => Ok(()),
        };
        client.close().await;
        done
    }
}

/// Reads a description; the name `-` is standard input.
fn read(file: &Path) -> Result<ApiDescription, Failure> {
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::usage(format!("Cannot read {name}: {error}.")))?;
    toml::from_str(&text).map_err(|error| Failure::usage(format!("{name} does not describe an API: {error}")))
}

impl Apply {
    fn description(&self) -> Result<ApiDescription, Failure> {
        let mut description = read(&self.file)?;
        description.open |= self.open;
        Ok(description)
    }

    async fn run(
        self,
        client: &mut Client,
        context: &mut Context,
        description: &ApiDescription,
    ) -> CommandResult {
        let slug = &description.slug;
        let applied = client.put(&format!("/v1/apis/{}", percent(slug)), description).await?;
        if self.json {
            return context.out.json(&applied);
        }
        let changes = applied["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        for change in changes {
            context.out.line(printable(&cell(change)))?;
        }
        match (applied["created"] == true, changes.is_empty()) {
            (true, _) => context.out.line(format!("The API {slug} is ready.")),
            (false, true) => context.out.line(format!("The API {slug} already matches; nothing changed.")),
            (false, false) => context.out.line(format!("The API {slug} now matches.")),
        }?;
        for warning in applied["warnings"].as_array().into_iter().flatten() {
            output::warn(&cell(warning));
        }
        Ok(())
    }
}

impl List {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let mut apis = Vec::new();
        client
            .each("/v1/apis", &Query::default().with("limit", Some(200)), |api| {
                apis.push(api);
                Ok(true)
            })
            .await?;
        if self.json {
            return context.out.json(&Value::Array(apis));
        }
        let rows: Vec<_> = apis.iter().map(row).collect();
        context.out.table(&["SLUG", "NAME", "PREFIX", "AUDIENCE", "SCOPES"], &rows)
    }
}

fn row(api: &Value) -> Vec<String> {
    let names = |list: &Value| {
        let names = list.as_array().into_iter().flatten().map(|item| cell(&item["name"]));
        names.collect::<Vec<_>>().join(" ")
    };
    vec![
        cell(&api["slug"]),
        cell(&api["name"]),
        cell(&api["prefix"]),
        cell(&api["audience"]),
        names(&api["scopes"]),
    ]
}

impl Show {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let mut api = client.get(&format!("/v1/apis/{}", percent(&self.slug))).await?;
        if self.json {
            return context.out.json(&api);
        }
        // Members that the server adds are not part of a description.
        if let Some(members) = api.as_object_mut() {
            for member in ["id", "built_in", "created_at", "updated_at"] {
                members.remove(member);
            }
        }
        let text = serde_json::from_value::<ApiDescription>(api)
            .map_err(|error| error.to_string())
            .and_then(|description| toml::to_string(&description).map_err(|error| error.to_string()))
            .map_err(|error| Failure::new(format!("Cannot write this API as TOML ({error}): use --json.")))?;
        context.out.bytes(text.as_bytes())
    }
}

impl TestRoute {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let asked = json!({"method": self.method, "uri": self.uri});
        let tested = client.post(&format!("/v1/apis/{}/test-route", percent(&self.slug)), &asked).await?;
        if self.json {
            return context.out.json(&tested);
        }
        if let Some(path) = tested["path"].as_str().filter(|path| *path != self.uri) {
            context.out.line(format!("Matched as {}", printable(path)))?;
        }
        if let Some(position) = tested["position"].as_u64() {
            let route = &tested["route"];
            let (method, path) = (cell(&route["method"]), cell(&route["path"]));
            context.out.line(format!("Route {}: {method} {}", position + 1, printable(&path)))?;
        }
        context.out.line(printable(&cell(&tested["message"])))
    }
}
