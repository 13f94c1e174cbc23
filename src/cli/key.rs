//! `keywright key …`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Client, Query, percent};
use super::failure::Failure;
use super::output::{Style, cell};
use super::{CommandResult, Context};

/// API keys.
#[derive(Subcommand)]
pub(super) enum Key {
    /// Create a key and show it once
    Create(Box<Create>),
    /// List keys; their secrets are never shown again
    List(List),
    /// Rotate the secret of a key; the previous one works for a grace period
    Rotate(Rotate),
    /// Revoke a key; the next request that uses it is refused
    Revoke(Revoke),
}

/// Create a key.
#[derive(Args)]
pub(super) struct Create {
    /// Slug of the API
    #[arg(long)]
    api: String,
    /// Name shown to people
    #[arg(long)]
    name: String,
    /// Scope; may be repeated, or separated with commas
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// A preset of the API instead of scopes
    #[arg(long, conflicts_with = "scopes")]
    preset: Option<String>,
    /// live or test [default: live]
    #[arg(long)]
    environment: Option<String>,
    /// Days until it expires
    #[arg(long, value_name = "DAYS", conflicts_with = "expires_at")]
    expires_in_days: Option<u32>,
    /// Expiry, such as 2030-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Tier of the API (rate limit)
    #[arg(long)]
    tier: Option<String>,
    /// Your id of the customer that the key is for
    #[arg(long)]
    owner: Option<String>,
    /// The person who owns the key
    #[arg(long, value_name = "ID")]
    user_id: Option<String>,
    /// Allowed network in CIDR form; may be repeated, or separated with commas
    #[arg(long = "allowed-ip", value_name = "CIDR", value_delimiter = ',')]
    allowed_ips: Vec<String>,
    /// Quota per day, per month or in total, such as 10000/month or 500/total
    #[arg(long, value_name = "NUMBER/PERIOD")]
    quota: Option<String>,
    /// Rate limit of this key instead of a tier, such as 50/60 for 50 requests in 60 seconds
    #[arg(long, value_name = "NUMBER/SECONDS", conflicts_with = "tier")]
    ratelimit: Option<String>,
    /// Metadata, a JSON object
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List keys.
#[derive(Args)]
pub(super) struct List {
    /// Only keys of this API
    #[arg(long)]
    api: Option<String>,
    /// Only keys for this customer
    #[arg(long)]
    owner: Option<String>,
    /// Only keys of this person
    #[arg(long, value_name = "ID")]
    user_id: Option<String>,
    /// Only live or test keys
    #[arg(long)]
    environment: Option<String>,
    /// Only keys that are active, disabled, expired, revoked, expiring or unused
    #[arg(long)]
    status: Option<String>,
    /// Only keys whose name contains this
    #[arg(long)]
    q: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Rotate the secret of a key.
#[derive(Args)]
pub(super) struct Rotate {
    /// The key's id, key_…
    id: String,
    /// Seconds that the previous secret still works; 0 ends it at once [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    grace_seconds: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Revoke a key.
#[derive(Args)]
pub(super) struct Revoke {
    /// The key's id, key_…
    id: String,
}

impl Key {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let mut client = Client::open(context).await?;
        let done = match self {
            Self::Create(create) => create.run(&mut client, context).await,
            Self::List(list) => list.run(&mut client, context).await,
            Self::Rotate(rotate) => rotate.run(&mut client, context).await,
            Self::Revoke(revoke) => revoke.run(&mut client, context).await,
        };
        client.close().await;
        done
    }
}

impl Create {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let json = self.json;
        let made = client.post("/v1/keys", &self.request()?).await?;
        if json {
            return context.out.json(&made);
        }
        show_secret(context, &made, "Created")
    }

    fn request(self) -> Result<Value, Failure> {
        let mut request = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                request.insert(name.to_owned(), value);
            }
        };
        set("api", Some(self.api.into()));
        set("name", Some(self.name.into()));
        set("scopes", (!self.scopes.is_empty()).then(|| self.scopes.into()));
        set("preset", self.preset.map(Value::from));
        set("environment", self.environment.map(Value::from));
        set("expires_in_days", self.expires_in_days.map(Value::from));
        set("expires_at", self.expires_at.map(Value::from));
        set("tier", self.tier.map(Value::from));
        set("owner", self.owner.map(Value::from));
        set("user_id", self.user_id.map(Value::from));
        set("allowed_ips", (!self.allowed_ips.is_empty()).then(|| self.allowed_ips.into()));
        set("quota", self.quota.as_deref().map(quota).transpose()?);
        set("ratelimit", self.ratelimit.as_deref().map(ratelimit).transpose()?);
        set("metadata", self.metadata.as_deref().map(metadata).transpose()?);
        Ok(Value::Object(request))
    }
}

fn quota(text: &str) -> Result<Value, Failure> {
    let parts = text.split_once('/').and_then(|(limit, period)| Some((limit.parse::<u64>().ok()?, period)));
    let (limit, period) = parts.ok_or_else(|| {
        Failure::usage("Write --quota as a number and day, month or total, such as 10000/month.")
    })?;
    Ok(json!({"limit": limit, "period": period}))
}

fn ratelimit(text: &str) -> Result<Value, Failure> {
    let parts = text
        .split_once('/')
        .and_then(|(limit, window)| Some((limit.parse::<u32>().ok()?, window.parse::<u32>().ok()?)));
    let (limit, window) =
        parts.ok_or_else(|| Failure::usage("Write --ratelimit as requests and seconds, such as 50/60."))?;
    Ok(json!({"limit": limit, "window_seconds": window}))
}

fn metadata(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!(
            "Write --metadata as a JSON object, such as {{\"team\": \"billing\"}}: {error}."
        ))
    })
}

impl List {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let query = Query::default()
            .with("api", self.api)
            .with("owner", self.owner)
            .with("user_id", self.user_id)
            .with("environment", self.environment)
            .with("status", self.status)
            .with("q", self.q)
            .with("limit", Some(200));
        let mut keys = Vec::new();
        client
            .each("/v1/keys", &query, |key| {
                keys.push(key);
                Ok(true)
            })
            .await?;
        if self.json {
            return context.out.json(&Value::Array(keys));
        }
        if keys.is_empty() {
            return context.out.line("No keys.");
        }
        let rows: Vec<_> = keys.iter().map(row).collect();
        context.out.table(&["ID", "NAME", "API", "ENVIRONMENT", "STATUS", "SCOPES", "EXPIRES"], &rows)
    }
}

fn row(key: &Value) -> Vec<String> {
    ["id", "name", "api", "environment", "status", "scopes", "expires_at"]
        .map(|name| cell(&key[name]))
        .to_vec()
}

impl Rotate {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let mut request = Map::new();
        if let Some(seconds) = self.grace_seconds {
            request.insert("grace_seconds".to_owned(), seconds.into());
        }
        let path = format!("/v1/keys/{}/rotate", percent(&self.id));
        let rotated = client.post(&path, &request).await?;
        if self.json {
            return context.out.json(&rotated);
        }
        show_secret(context, &rotated, "Rotated")
    }
}

impl Revoke {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        client.delete(&format!("/v1/keys/{}", percent(&self.id))).await?;
        context.out.line(format!("Revoked {}. The next request that uses it is refused.", self.id))
    }
}

/// Prints the key on a line of its own, so that it is easy to copy.
fn show_secret(context: &mut Context, key: &Value, what: &str) -> CommandResult {
    let out = &mut context.out;
    let name = super::output::printable(&cell(&key["name"]));
    out.line(format!("{what} {} ({name}). It is shown only once:", cell(&key["id"])))?;
    out.line("")?;
    let secret = out.style(Style::Strong, &cell(&key["key"]));
    out.line(format!("  {secret}"))?;
    out.line("")
}
