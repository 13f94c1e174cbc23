//! `keywright user …`.

use std::io::BufRead as _;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::client::{Client, Query, percent};
use super::failure::Failure;
use super::output::{Style, cell, printable};
use super::{CommandResult, Context};

/// People.
#[derive(Subcommand)]
pub(super) enum User {
    /// Add a person; without a password, print a link to choose one
    Create(Create),
    /// Print a link to set a new password
    ResetPassword(ResetPassword),
}

/// Add a person.
#[derive(Args)]
pub(super) struct Create {
    /// Email address
    #[arg(long)]
    email: String,
    /// owner, admin, developer, viewer or member
    #[arg(long, default_value = "member")]
    role: String,
    /// Name shown to people
    #[arg(long)]
    name: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Print a link to set a new password.
#[derive(Args)]
pub(super) struct ResetPassword {
    /// Email address or id, usr_…
    user: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl User {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let mut client = Client::open(context).await?;
        let done = match self {
            Self::Create(create) => create.run(&mut client, context).await,
            Self::ResetPassword(reset) => reset.run(&mut client, context).await,
        };
        client.close().await;
        done
    }
}

impl Create {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let mut request = Map::new();
        request.insert("email".to_owned(), self.email.into());
        request.insert("role".to_owned(), self.role.into());
        if let Some(name) = self.name {
            request.insert("name".to_owned(), name.into());
        }
        if self.password_stdin {
            request.insert("password".to_owned(), first_line()?.into());
        }
        let mut made = client.post("/v1/users", &request).await?;
        if !self.password_stdin {
            made["link"] = link(client, &cell(&made["id"])).await?;
        }
        if self.json {
            return context.out.json(&made);
        }
        let (id, email, role) = (cell(&made["id"]), printable(&cell(&made["email"])), cell(&made["role"]));
        context.out.line(format!("Created {id} ({email}), {role}."))?;
        match &made["link"] {
            Value::Null => Ok(()),
            link => show(context, link),
        }
    }
}

impl ResetPassword {
    async fn run(self, client: &mut Client, context: &mut Context) -> CommandResult {
        let id = if self.user.contains('@') { find(client, &self.user).await? } else { self.user };
        let link = link(client, &id).await?;
        if self.json {
            return context.out.json(&serde_json::json!({"id": id, "link": link}));
        }
        show(context, &link)
    }
}

async fn find(client: &mut Client, email: &str) -> Result<String, Failure> {
    let wanted = email.trim().to_lowercase();
    let query = Query::default().with("q", Some(&wanted)).with("limit", Some(200));
    let mut found = None;
    client
        .each("/v1/users", &query, |user| {
            if cell(&user["email"]).to_lowercase() == wanted {
                found = Some(cell(&user["id"]));
            }
            Ok(found.is_none())
        })
        .await?;
    found.ok_or_else(|| Failure::new(format!("No person has the address {email}.")))
}

async fn link(client: &mut Client, id: &str) -> Result<Value, Failure> {
    let mut made = client.post(&format!("/v1/users/{}/reset-password", percent(id)), &Map::new()).await?;
    Ok(made["link"].take())
}

fn show(context: &mut Context, link: &Value) -> CommandResult {
    context.out.line("Pass this link on; it works once, for one hour:")?;
    context.out.line("")?;
    let link = context.out.style(Style::Strong, &cell(link));
    context.out.line(format!("  {link}"))?;
    context.out.line("")
}

/// The first line of the standard input, without its end.
fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("The standard input cannot be read: {error}.")))?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure::usage("Give the password as the first line of the standard input."));
    }
    Ok(line.to_owned())
}
