//! `keywright clock …`.

use clap::{Args, Subcommand};

use super::client::Client;
use super::{CommandResult, Context};

/// The wall clock.
#[derive(Subcommand)]
pub(super) enum Clock {
    /// Trust the current wall clock despite its difference from boot time
    Accept(Accept),
}

/// Accept.
#[derive(Args)]
pub(super) struct Accept {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Clock {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let Self::Accept(accept) = self;
        let mut client = Client::open(context).await?;
        let accepted = client.post("/v1/clock/accept", &serde_json::json!({})).await;
        client.close().await;
        let accepted = accepted?;
        if accept.json {
            return context.out.json(&accepted);
        }
        let ahead = accepted["ahead_seconds"].as_i64().unwrap_or_default();
        context.out.line(match ahead {
            0 => "The wall clock was trusted already.".to_owned(),
            1.. => format!("The wall clock is trusted; it was {ahead} seconds ahead."),
            _ => format!("The wall clock is trusted; it was {} seconds behind.", -ahead),
        })
    }
}
