//! `keywright signing-key …`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::output::cell;
use super::{CommandResult, Context};

/// Signing keys of access tokens.
#[derive(Subcommand)]
pub(super) enum SigningKey {
    /// List the published keys
    List(List),
    /// Sign with the next key and publish a new next one; this happens every 90 days by itself
    Rotate(Rotate),
}

/// List the published keys.
#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Rotate.
#[derive(Args)]
pub(super) struct Rotate {
    /// End the tokens of the previous key now: for a key that may have leaked
    #[arg(long)]
    at_once: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SigningKey {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let mut client = Client::open(context).await?;
        let (keys, json) = match self {
            Self::List(list) => (client.get("/v1/signing-keys").await, list.json),
            Self::Rotate(rotate) => {
                let body = json!({"at_once": rotate.at_once});
                (client.post("/v1/signing-keys/rotate", &body).await, rotate.json)
            }
        };
        client.close().await;
        let keys = keys?["data"].take();
        if json {
            return context.out.json(&keys);
        }
        let rows: Vec<Vec<String>> = keys.as_array().into_iter().flatten().map(row).collect();
        context.out.table(&["KEY", "ALGORITHM", "STAGE", "MADE", "PUBLISHED UNTIL"], &rows)
    }
}

fn row(key: &Value) -> Vec<String> {
    ["kid", "alg", "stage", "created_at", "expires_at"].iter().map(|name| cell(&key[*name])).collect()
}
