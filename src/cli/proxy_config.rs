//! `keywright proxy-config`.

use clap::Args;
use http::Method;
use http_body_util::BodyExt as _;

use super::client::{Client, Query, percent};
use super::failure::Failure;
use super::{CommandResult, Context, output};

/// Print a complete configuration for the proxy in front of an API.
#[derive(Args)]
pub(super) struct ProxyConfig {
    /// nginx or caddy
    #[arg(value_parser = ["nginx", "caddy"])]
    proxy: String,
    /// Slug of the API behind the proxy
    #[arg(long)]
    api: String,
    /// URL of the service behind the proxy
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// Listen address of the proxy
    #[arg(long, value_name = "ADDRESS")]
    listen: String,
    /// URL at which the proxy reaches Keywright [default: its listen address]
    #[arg(long, value_name = "URL")]
    keywright: Option<String>,
}

impl ProxyConfig {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let path = Query::default()
            .with("proxy", Some(self.proxy))
            .with("upstream", Some(self.upstream))
            .with("listen", Some(self.listen))
            .with("keywright", self.keywright)
            .on(&format!("/v1/apis/{}/proxy-config", percent(&self.api)));
        let mut client = Client::open(context).await?;
        let answer = match client.send(Method::GET, &path, Vec::new()).await {
            Ok(body) => body.collect().await.map_err(|error| Failure::new(error.to_string())),
            Err(failure) => Err(failure),
        };
        client.close().await;
        let file = answer?.to_bytes();
        for line in String::from_utf8_lossy(&file).lines() {
            if let Some(warning) = line.strip_prefix("# WARNING: ") {
                output::warn(warning);
            }
        }
        context.out.bytes(&file)
    }
}
