//! `keywright activity …`.

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::client::{Client, Query};
use super::failure::Failure;
use super::output::cell;
use super::{CommandResult, Context};

/// The log of every decision and every change.
#[derive(Subcommand)]
pub(super) enum Activity {
    /// Show the newest rows
    List(List),
    /// Verify that no row was changed or removed
    Verify(Verify),
    /// Export rows, oldest first
    Export(Export),
}

/// Filter of rows.
#[derive(Args)]
pub(super) struct Filter {
    /// From this time on, such as 2030-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// About this API
    #[arg(long)]
    api: Option<String>,
    /// About this key, or changes that it made
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// About this person, or changes that they made
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// allowed, refused, limited or changed
    #[arg(long)]
    outcome: Option<String>,
    /// Of this kind, such as key.verify or key.revoked
    #[arg(long)]
    kind: Option<String>,
    /// From this address, or from a network in CIDR form
    #[arg(long)]
    ip: Option<String>,
    /// Text in path, user agent, request id, kind or code
    #[arg(long)]
    q: Option<String>,
}

/// Show the newest rows.
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Maximum number of rows
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check the log.
#[derive(Args)]
pub(super) struct Verify {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Export rows.
#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    filter: Filter,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

/// Output format.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a heading
    Csv,
}

impl Activity {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let mut client = Client::open(context).await?;
        let done = match self {
            Self::List(list) => list.run(&mut client, context).await,
            Self::Verify(verify) => verify.run(&mut client, context).await,
            Self::Export(export) => export.run(&mut client, context).await,
        };
        client.close().await;
        done
    }
}

impl Filter {
    fn query(self) -> Query {
        Query::default()
            .with("from", self.from)
            .with("to", self.to)
            .with("api", self.api)
            .with("key", self.key)
            .with("user", self.user)
            .with("outcome", self.outcome)
            .with("kind", self.kind)
            .with("ip", self.ip)
            .with("q", self.q)
    }
}

impl List {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let query = self.filter.query().with("limit", Some(self.limit.clamp(1, 200)));
        let (limit, mut rows) = (self.limit, Vec::new());
        client
            .each("/v1/activity", &query, |row| {
                rows.push(row);
                Ok(rows.len() < limit)
            })
            .await?;
        if self.json {
            return context.out.json(&Value::Array(rows));
        }
        if rows.is_empty() {
            return context.out.line("No activity.");
        }
        let rows: Vec<_> = rows.iter().map(row).collect();
        context.out.table(&["TIME", "KIND", "OUTCOME", "CODE", "API", "ABOUT", "ADDRESS", "REQUEST"], &rows)
    }
}

fn row(row: &Value) -> Vec<String> {
    let about = match (&row["key"], &row["user"]) {
        (Value::Object(key), _) => cell(&key["name"]),
        (_, Value::Object(user)) => cell(&user["email"]),
        _ => cell(&Value::Null),
    };
    let request = match (&row["method"], &row["path"]) {
        (Value::String(method), Value::String(path)) => format!("{method} {path}"),
        _ => cell(&Value::Null),
    };
    let mut cells: Vec<_> = ["at", "kind", "outcome", "code", "api"].map(|name| cell(&row[name])).to_vec();
    cells.extend([about, cell(&row["ip"]), request]);
    cells
}

impl Verify {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let found = client.get("/v1/activity/verify").await?;
        if self.json {
            context.out.json(&found)?;
        }
        if found["intact"] != true {
            return Err(Failure::new(format!("The activity log was changed: {}.", cell(&found["reason"]))));
        }
        if self.json {
            return Ok(());
        }
        context.out.line(format!("The activity log is intact: {} rows.", cell(&found["rows"])))
    }
}

impl Export {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let format = match self.format {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
        };
        let path = self.filter.query().with("format", Some(format)).on("/v1/activity/export");
        let mut body = client.send(Method::GET, &path, Vec::new()).await?;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| Failure::new(format!("The server stopped halfway: {error}.")))?;
            if let Some(bytes) = frame.data_ref() {
                context.out.bytes(bytes)?;
            }
        }
        Ok(())
    }
}
