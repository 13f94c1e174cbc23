//! `keywright key`, `api`, `user` and `client`: what they print, with and without a server.

use serde_json::{Value, json};

use crate::support::Program;

const EXAMPLES: [(&str, &str, &str); 4] = [
    ("ai-for-database.toml", "afdb", "queries:read"),
    ("db-audit.toml", "dbaudit", "read:databases"),
    ("ai-powered-api.toml", "gen", "read"),
    ("ai-platform.toml", "aip", "read"),
];

fn example(name: &str) -> String {
    format!("{}/src/demo/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The secret in the output for people.
fn shown(text: &str, prefix: &str) -> String {
    let found: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with(prefix)).collect();
    assert_eq!(found.len(), 1, "it is shown once: {text}");
    found[0].to_owned()
}

#[tokio::test]
async fn a_key_of_each_example_lives_from_the_command_line() {
    let (program, _) = Program::initialised();
    for (file, _, _) in EXAMPLES {
        assert!(program.run(["api", "apply", &example(file)]).good().contains("is ready"), "{file}");
    }
    let server = program.serve::<&str>([]);
    for (file, slug, scope) in EXAMPLES {
        let again = program.run(["api", "apply", &example(file)]);
        assert!(again.good().contains("nothing changed"), "{}", again.stdout);
        let made = program.run(["key", "create", "--api", slug, "--name", "Backend", "--scope", scope]);
        let first = shown(made.good(), &format!("{slug}_live_"));
        let verify = async |key: &str| {
            let question = json!({"api": slug, "key": key, "scopes": scope});
            server.operator().post("/v1/keys/verify", &question).await.expect(200)
        };
        let good = verify(&first).await;
        assert_eq!(good["code"], "VALID");
        let id = good["key_id"].as_str().unwrap();
        let rotated = program.run(["key", "rotate", id, "--grace-seconds", "0", "--json"]).json();
        let second = rotated["key"].as_str().unwrap();
        assert_eq!(verify(&first).await["code"], "NOT_FOUND");
        assert_eq!(verify(second).await["code"], "VALID");
        let listed = program.run(["key", "list", "--api", slug, "--json"]).json();
        assert_eq!((&listed[0]["id"], listed.as_array().unwrap().len()), (&json!(id), 1));
        assert!(!listed.to_string().contains(&second[10..]), "secrets are not listed");
        assert!(program.run(["key", "revoke", id]).good().contains("Revoked"));
        assert_eq!(verify(second).await["code"], "REVOKED");
        let revoked = program.run(["key", "list", "--status", "revoked", "--api", slug]);
        assert!(revoked.good().contains(id), "{}", revoked.stdout);
        let log = program.run(["activity", "list", "--key", id, "--json"]).json();
        let kinds: Vec<&str> =
            log.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
        for kind in ["key.created", "key.rotated", "key.revoked", "key.verify"] {
            assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
        }
    }
}

#[test]
fn a_scope_in_use_is_not_taken_away() {
    let (program, _) = Program::initialised();
    program.run(["api", "apply", &example("ai-powered-api.toml")]).good();
    program.run(["key", "create", "--api", "gen", "--name", "x", "--scope", "read"]).good();
    let text = program.run(["api", "show", "gen"]).good().to_owned();
    let mut description: toml::Table = text.parse().unwrap();
    let scopes = description["scopes"].as_array_mut().unwrap();
    scopes.retain(|scope| scope["name"].as_str() != Some("read"));
    let file = program.directory().join("less.toml");
    std::fs::write(&file, description.to_string()).unwrap();
    let refused = program.run(["api", "apply", file.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("read"), "{}", refused.stderr);
    assert_eq!(program.run(["api", "show", "gen"]).good(), text);
}

#[tokio::test]
async fn signing_keys_are_rotated_from_the_command_line() {
    let (program, _) = Program::initialised();
    let server = program.serve::<&str>([]);
    let stages = |arguments: &[&str]| {
        let keys = program.run(["signing-key"].iter().chain(arguments).chain(&["--json"])).json();
        let stages = keys.as_array().unwrap().iter().map(|key| key["stage"].as_str().unwrap().to_owned());
        stages.collect::<Vec<_>>()
    };
    // The first job publishes the next key.
    while stages(&["list"]) != ["active", "next"] {
        tokio::task::yield_now().await;
    }
    let early = program.run(["signing-key", "rotate"]);
    assert!(early.refused(1).contains("five minutes"), "{}", early.stderr);
    let login = json!({"email": "owner@example.com", "password": "correct horse battery staple"});
    let tokens = server.anonymous().post("/v1/auth/login", &login).await.expect(200);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let owner = server.anonymous().with("authorization", &bearer);
    owner.get("/v1/user/profile").await.expect(200);
    assert_eq!(stages(&["rotate", "--at-once"]), ["active", "next"]);
    owner.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    assert!(program.run(["signing-key", "list"]).good().contains("ES256"));
}

#[test]
fn people_and_apps_are_made_from_the_command_line() {
    let (program, _) = Program::initialised();
    let ada = program.run_with_input(
        ["user", "create", "--email", "ada@example.com", "--role", "developer", "--password-stdin", "--json"],
        "correct horse battery staple\n",
    );
    assert_eq!(ada.json()["role"], "developer");
    let reset = program.run(["user", "reset-password", "ada@example.com"]);
    assert!(reset.good().contains("#token="), "{}", reset.stdout);
    program.run(["api", "apply", &example("ai-for-database.toml")]).good();
    let made: Value = program
        .run([
            "client",
            "create",
            "--name",
            "App",
            "--access",
            "afdb:queries:read",
            "--redirect-uri",
            "https://app.example.com/callback",
            "--json",
        ])
        .json();
    assert!(made["client_secret"].is_string() && made["client_id"].is_string(), "{made}");
    let wrong = program.run(["key", "create", "--api", "nowhere", "--name", "x", "--scope", "y"]);
    assert!(wrong.refused(1).contains("no API of this slug"), "{}", wrong.stderr);
}
