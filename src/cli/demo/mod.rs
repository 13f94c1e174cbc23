//! `serve --demo`: four example APIs with people, keys and a little activity, created through the public API.

mod banner;
mod keys;

use super::client::Client;
use super::failure::Failure;
use super::{CommandResult, Context};
use crate::app::Running;
use crate::config::Config;
use crate::domain::setup;
use crate::model::api::ApiDescription;
use crate::model::{Role, Secret};
use banner::Banner;
use keys::Keys;

/// The four APIs, as `api apply` takes them.
const APIS: &[&str] = &[
    include_str!("../../demo/ai-for-database.toml"),
    include_str!("../../demo/db-audit.toml"),
    include_str!("../../demo/ai-powered-api.toml"),
    include_str!("../../demo/ai-platform.toml"),
];

/// The people besides the owner.
const PEOPLE: &[(&str, &str, Role)] = &[
    ("dana@example.com", "Dana Developer", Role::Developer),
    ("vic@example.com", "Vic Viewer", Role::Viewer),
    ("mika@example.com", "Mika Member", Role::Member),
];
const OWNER: &str = "owner@example.com";

/// Fills a new instance and prints how to use it; on an existing one prints the same again.
pub(super) async fn fill(context: &mut Context, config: &Config, running: &Running) -> CommandResult {
    let name = config.data_dir.join("demo.txt");
    if let Ok(text) = std::fs::read_to_string(&name) {
        return context.out.line(text);
    }
    if !setup::is_new(&running.services).await.map_err(|error| Failure::new(format!("{error:?}")))? {
        return context.out.line(format!(
            "{} already has an owner; nothing was added. The demo needs an empty directory: choose one with --data.",
            config.data_dir.display()
        ));
    }
    let banner = make(running).await?;
    banner.keep(&name)?;
    banner.print(&mut context.out)
}

async fn make(running: &Running) -> Result<Banner, Failure> {
    let services = &running.services;
    let password = passphrase(&services.random());
    let made = setup::initialise(services, OWNER, Secret::new(password.clone())).await;
    made.map_err(|error| Failure::new(format!("The demo cannot be created: {error:?}")))?;
    let mut client = Client::to(running).await?;
    for text in APIS {
        let api: ApiDescription = toml::from_str(text).expect("a test reads the built-in descriptions");
        client.put(&format!("/v1/apis/{}", api.slug), &api).await?;
    }
    let mut people = Vec::new();
    for &(email, name, role) in PEOPLE {
        people.push(
            setup::add_person(services, email, name, role, Secret::new(password.clone()))
                .await
                .map_err(|error| Failure::new(format!("The demo cannot be created: {error:?}")))?,
        );
    }
    let keys = Keys::make(&mut client, people[2]).await?;
    keys.use_them(&mut client).await?;
    client.close().await;
    Ok(Banner {
        url: services.settings.public_url.clone(),
        owner: OWNER,
        others: PEOPLE.iter().map(|(email, _, role)| (*email, *role)).collect(),
        password,
        management_key: keys.management,
        key: keys.shown,
    })
}

/// Twelve random characters that are easy to distinguish: 60 bits.
fn passphrase(random: &[u8; 12]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let letters: Vec<char> = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
