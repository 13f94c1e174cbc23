//! `keywright client …`: OAuth clients, "OAuth apps" on screen.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Client, Query, percent};
use super::output::{Style, cell};
use super::{CommandResult, Context};

/// OAuth clients.
#[derive(Subcommand)]
pub(super) enum App {
    /// Register a client and show its secret once
    Create(Box<Create>),
    /// List clients; their secrets are never shown again
    List(List),
    /// Rotate the secret of a client; the previous one works for a grace period
    Rotate(Rotate),
    /// Remove a client and end its tokens
    Delete(Delete),
}

/// Register a client.
#[derive(Args)]
pub(super) struct Create {
    /// Name shown to people
    #[arg(long)]
    name: String,
    /// API and scopes, such as afdb:queries:read,queries:write; may be repeated
    #[arg(long = "access", value_name = "API:SCOPES")]
    access: Vec<String>,
    /// Redirect URI; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Redirect URI after sign-out; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// authorization_code, refresh_token or client_credentials [default: what fits the rest]
    #[arg(long = "grant-type", value_name = "TYPE", value_delimiter = ',')]
    grant_types: Vec<String>,
    /// Public client: a program on a device or in a browser, which cannot keep a secret
    #[arg(long)]
    public: bool,
    /// First-party client: people are not asked for consent
    #[arg(long)]
    first_party: bool,
    /// Allow the code flow without PKCE
    #[arg(long, conflicts_with = "public")]
    without_pkce: bool,
    /// Its home page
    #[arg(long, value_name = "URL")]
    home_page: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List clients.
#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Rotate the secret of a client.
#[derive(Args)]
pub(super) struct Rotate {
    /// The client's id, app_…
    id: String,
    /// Seconds that the previous secret still works; 0 ends it at once [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    grace_seconds: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove a client.
#[derive(Args)]
pub(super) struct Delete {
    /// The client's id, app_…
    id: String,
}

impl App {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let mut client = Client::open(context).await?;
        let done = match self {
            Self::Create(create) => create.run(&mut client, context).await,
            Self::List(list) => list.run(&mut client, context).await,
            Self::Rotate(rotate) => rotate.run(&mut client, context).await,
            Self::Delete(delete) => delete.run(&mut client, context).await,
        };
        client.close().await;
        done
    }
}

impl Create {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let json = self.json;
        let made = client.post("/v1/clients", &self.request()).await?;
        if json {
            return context.out.json(&made);
        }
        show(context, &made, "Registered")
    }

    fn request(self) -> Value {
        let access = |text: &String| {
            let (api, scopes) = text.split_once(':').unwrap_or((text, ""));
            let scopes: Vec<&str> = scopes.split(',').filter(|scope| !scope.is_empty()).collect();
            json!({"api": api, "scopes": scopes})
        };
        let mut request = json!({
            "name": self.name,
            "type": if self.public { "public" } else { "confidential" },
            "access": self.access.iter().map(access).collect::<Vec<_>>(),
            "redirect_uris": self.redirect_uris,
            "post_logout_redirect_uris": self.post_logout_redirect_uris,
            "require_pkce": !self.without_pkce,
            "first_party": self.first_party,
        });
        if !self.grant_types.is_empty() {
            request["grant_types"] = self.grant_types.into();
        }
        if let Some(home_page) = self.home_page {
            request["home_page"] = home_page.into();
        }
        request
    }
}

impl List {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let mut clients = Vec::new();
        let query = Query::default().with("limit", Some(200));
        client
            .each("/v1/clients", &query, |client| {
                clients.push(client);
                Ok(true)
            })
            .await?;
        if self.json {
            return context.out.json(&Value::Array(clients));
        }
        if clients.is_empty() {
            return context.out.line("No clients.");
        }
        let rows: Vec<_> = clients.iter().map(row).collect();
        context.out.table(&["ID", "NAME", "TYPE", "GRANT TYPES", "ACCESS", "DISABLED"], &rows)
    }
}

fn row(client: &Value) -> Vec<String> {
    let access = client["access"].as_array().into_iter().flatten();
    let access: Vec<String> = access.map(|access| cell(&access["api"])).collect();
    let mut row = ["id", "name", "type", "grant_types"].map(|name| cell(&client[name])).to_vec();
    row.extend([access.join(", "), cell(&client["disabled"])]);
    row
}

impl Rotate {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let mut request = Map::new();
        if let Some(seconds) = self.grace_seconds {
            request.insert("grace_seconds".to_owned(), seconds.into());
        }
        let path = format!("/v1/clients/{}/rotate", percent(&self.id));
        let rotated = client.post(&path, &request).await?;
        if self.json {
            return context.out.json(&rotated);
        }
        show(context, &rotated, "Rotated")
    }
}

impl Delete {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        client.delete(&format!("/v1/clients/{}", percent(&self.id))).await?;
        context.out.line(format!("Removed {}. Its tokens end with the next request.", self.id))
    }
}

/// Prints the secret on a line of its own, so that it is easy to copy.
fn show(context: &mut Context, client: &Value, what: &str) -> CommandResult {
    let out = &mut context.out;
    let name = super::output::printable(&cell(&client["name"]));
    let id = cell(&client["id"]);
    if client["client_secret"].is_null() {
        return out.line(format!("{what} {id} ({name}). A public client has no secret."));
    }
    out.line(format!("{what} {id} ({name}). Its secret is shown only once:"))?;
    out.line("")?;
    let secret = out.style(Style::Strong, &cell(&client["client_secret"]));
    out.line(format!("  {secret}"))?;
    out.line("")
}
