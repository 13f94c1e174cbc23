//! A wall clock that jumps while boot time goes on.

use serde_json::{Value, json};

use crate::people::{PASSWORD, add, browser, login, page};
use crate::sign_in::app_code_at;
use crate::support::{Client, TestApp};

const DAY: i64 = 86_400;

fn code(answer: &Value) -> &str {
    answer["code"].as_str().expect("a code")
}

fn secret(key: &Value) -> &str {
    key["key"].as_str().expect("a key")
}

/// Moves the wall clock by `seconds` relative to boot time.
fn jump(app: &TestApp, seconds: i64) {
    use keywright::env::Clock as _;
    app.clock.set_wall(app.clock.wall().plus_seconds(seconds));
}

/// Advances time while the server reads its clock once a second, as it does.
fn pass(app: &TestApp, seconds: u64) {
    for _ in 0..seconds.div_ceil(30) {
        app.advance(30);
        app.now();
    }
}

/// Everything that a job could delete or retire: the rows of all lists.
async fn everything(app: &TestApp) -> Vec<Value> {
    let operator = app.operator();
    let mut found = Vec::new();
    for path in ["/v1/keys?limit=200", "/v1/users?limit=200", "/v1/signing-keys", "/v1/clients?limit=200"] {
        found.push(operator.get(path).await.expect(200)["data"].clone());
    }
    let oldest =
        operator.get("/v1/activity?limit=200").await.expect(200)["data"].as_array().unwrap().last().cloned();
    found.push(oldest.expect("a row"));
    found
}

#[tokio::test]
async fn a_clock_that_jumps_revives_nothing() {
    let app = TestApp::with_afdb().await;
    let expiring = app.afdb_key(json!({"expires_in_days": 1})).await;
    let lasting = app.afdb_key(json!({})).await;
    let id = lasting["id"].as_str().expect("an id").to_owned();
    app.operator().delete(&format!("/v1/keys/{id}")).await.expect(204);
    app.advance(2 * 86_400);
    assert_eq!(code(&app.verify(secret(&expiring)).await), "EXPIRED");
    let now = app.now();
    for jump in [-3_600, 10 * 365 * DAY, -90 * DAY, 0] {
        app.clock.set_wall(now.plus_seconds(jump));
        assert_eq!(code(&app.verify(secret(&lasting)).await), "REVOKED", "{jump}");
        app.anonymous().get("/readyz").await.expect(200);
        let made = app.afdb_key(json!({"ratelimit": {"limit": 1, "window_seconds": 60}})).await;
        assert_eq!(code(&app.verify(secret(&made)).await), "VALID", "{jump}");
        assert_eq!(code(&app.verify(secret(&made)).await), "RATE_LIMITED", "{jump}");
    }
    app.clock.set_wall(now.plus_seconds(-3_600));
    assert_eq!(code(&app.verify(secret(&expiring)).await), "EXPIRED");
}

/// Tokens of an app session.
struct Tokens {
    client: Client,
    refresh: String,
}

async fn sign_in(app: &TestApp) -> Tokens {
    let tokens = login(&app.anonymous(), "ada@example.com", PASSWORD).await.expect(200);
    tokens_of(app, &tokens)
}

fn tokens_of(app: &TestApp, tokens: &Value) -> Tokens {
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    Tokens { client: app.bearer(&text("access_token")), refresh: text("refresh_token") }
}

async fn refresh(app: &TestApp, token: &str) -> crate::support::Reply {
    app.anonymous().post("/v1/auth/refresh", &json!({ "refresh_token": token })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_deletes_and_retires_nothing_and_leaves_nothing_behind() {
    for seconds in [120 * DAY, 60 * DAY, 3 * 365 * DAY, -DAY, -400 * DAY] {
        let app = TestApp::with_afdb().await;
        add(&app, "ada@example.com", "admin").await;
        let expiring = app.afdb_key(json!({"expires_in_days": 30})).await;
        let counted = json!({"quota": {"limit": 2, "period": "day"}});
        let counted = app.afdb_key(counted).await;
        assert_eq!(code(&app.verify(secret(&counted)).await), "VALID");
        assert_eq!(code(&app.verify(secret(&counted)).await), "VALID");
        let old = sign_in(&app).await;
        let cookie = json!({"email": "ada@example.com", "password": PASSWORD});
        let cookie = browser(&app, &page(&app).post("/v1/auth/session", &cookie).await);
        keywright::worker::run_due(app.services()).await;
        let before = everything(&app).await;

        jump(&app, seconds);
        // One request is enough to leave a trace, if any.
        app.verify(secret(&expiring)).await;
        let new = sign_in(&app).await;
        new.client.get("/v1/user/profile").await.expect(200);
        assert_eq!(code(&app.verify(secret(&counted)).await), "QUOTA_EXCEEDED");
        let of_the_jump = app.afdb_key(json!({"expires_in_days": 10})).await;
        for _ in 0..4 {
            pass(&app, 3_600 / 4);
            keywright::worker::run_due(app.services()).await;
        }
        jump(&app, -seconds);

        let id = of_the_jump["id"].as_str().unwrap();
        app.operator().delete(&format!("/v1/keys/{id}")).await.expect(204);
        let after = everything(&app).await;
        for (before, after) in before[..4].iter().zip(&after) {
            let ids = |list: &Value| -> Vec<Value> {
                let rows = list.as_array().unwrap().iter().filter(|row| row["id"] != *id);
                rows.map(|row| json!([row["id"], row["kid"], row["stage"]])).collect()
            };
            assert_eq!(ids(before), ids(after), "{seconds}");
        }
        assert_eq!(before[4], after[4], "the oldest row of the log, after {seconds}");
        assert_eq!(code(&app.verify(secret(&expiring)).await), "VALID", "{seconds}");
        let made_after = app.afdb_key(json!({"expires_in_days": 1})).await;
        assert_eq!(code(&app.verify(secret(&made_after)).await), "VALID", "{seconds}");
        assert_eq!(code(&app.verify(secret(&counted)).await), "QUOTA_EXCEEDED", "{seconds}");
        assert_eq!(cookie.get("/v1/user/profile").await.status, 200, "{seconds}");
        refresh(&app, &old.refresh).await.expect(200);
        sign_in(&app).await.client.get("/v1/user/profile").await.expect(200);
        if seconds > 0 {
            // Tokens of the jump end with it.
            new.client.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
            refresh(&app, &new.refresh).await.refused(401, "INVALID_TOKEN");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_during_a_jump_costs_no_session() {
    let app = TestApp::with_afdb().await;
    add(&app, "ada@example.com", "member").await;
    let old = sign_in(&app).await;
    jump(&app, 5 * DAY);
    let tokens = refresh(&app, &old.refresh).await.expect(200);
    let of_the_jump = tokens_of(&app, &tokens);
    of_the_jump.client.get("/v1/user/profile").await.expect(200);
    jump(&app, -5 * DAY);
    of_the_jump.client.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    // The response of the jump was lost: the same response again, with a current token.
    let again = tokens_of(&app, &refresh(&app, &old.refresh).await.expect(200));
    again.client.get("/v1/user/profile").await.expect(200);
    let next = tokens_of(&app, &refresh(&app, &of_the_jump.refresh).await.expect(200));
    next.client.get("/v1/user/profile").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_works_during_and_after_a_jump() {
    for seconds in [120 * DAY, -DAY] {
        let app = TestApp::start().await;
        add(&app, "ada@example.com", "member").await;
        let ada = sign_in(&app).await.client;
        let offer = ada.post("/v1/auth/totp/enrol", &json!({"password": PASSWORD})).await.expect(200);
        let confirm = json!({"code": app_code_at(app.now(), &offer)});
        ada.post("/v1/auth/totp/confirm", &confirm).await.expect(200);
        let with_code = async |now| {
            let code = app_code_at(now, &offer);
            let body = json!({"email": "ada@example.com", "password": PASSWORD, "totp": code});
            app.anonymous().post("/v1/auth/login", &body).await
        };
        app.advance(60);
        let right = app.now();
        jump(&app, seconds);
        // The phone shows the right time, whichever of the two it is.
        with_code(right).await.expect(200);
        with_code(right).await.refused(401, "INVALID_CREDENTIALS");
        let wrong = right.plus_seconds(seconds);
        if seconds > 0 {
            with_code(wrong).await.expect(200);
            with_code(wrong).await.refused(401, "INVALID_CREDENTIALS");
        }
        jump(&app, -seconds);
        app.advance(60);
        with_code(app.now()).await.expect(200);
        with_code(app.now()).await.refused(401, "INVALID_CREDENTIALS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_paused_for_days_works_at_once_and_keeps_no_expired_key_alive() {
    let app = TestApp::with_afdb().await;
    add(&app, "ada@example.com", "member").await;
    let expiring = app.afdb_key(json!({"expires_in_days": 1})).await;
    let lasting = app.afdb_key(json!({"expires_in_days": 30})).await;
    let old = sign_in(&app).await;
    assert_eq!(code(&app.verify(secret(&expiring)).await), "VALID");
    jump(&app, 5 * DAY);
    assert_eq!(code(&app.verify(secret(&expiring)).await), "EXPIRED");
    assert_eq!(code(&app.verify(secret(&lasting)).await), "VALID");
    old.client.get("/v1/user/profile").await.refused(401, "EXPIRED_TOKEN");
    let tokens = tokens_of(&app, &refresh(&app, &old.refresh).await.expect(200));
    tokens.client.get("/v1/user/profile").await.expect(200);
    sign_in(&app).await.client.get("/v1/user/profile").await.expect(200);
    // After three hours the wall clock is trusted, and tokens of the jump are valid.
    pass(&app, 3 * 3_600);
    refresh(&app, &tokens.refresh).await.expect(200);
    assert_eq!(app.services().settled().at(), app.now());
}

#[tokio::test]
async fn what_a_jump_ends_at_once_stays_ended() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({})).await;
    let id = key["id"].as_str().unwrap();
    jump(&app, 120 * DAY);
    let rotated = app.operator().post(&format!("/v1/keys/{id}/rotate"), &json!({"grace_seconds": 0})).await;
    let rotated = rotated.expect(200);
    assert_eq!(code(&app.verify(secret(&key)).await), "NOT_FOUND");
    jump(&app, -120 * DAY);
    assert_eq!(code(&app.verify(secret(&key)).await), "NOT_FOUND");
    assert_eq!(code(&app.verify(secret(&rotated)).await), "VALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_wrong_clock_deletes_nothing_and_revives_nothing() {
    for seconds in [120 * DAY, -2 * DAY] {
        let mut app = TestApp::with_afdb().await;
        add(&app, "ada@example.com", "member").await;
        let expiring = app.afdb_key(json!({"expires_in_days": 1})).await;
        sign_in(&app).await;
        app.advance(86_400 + 60);
        assert_eq!(code(&app.verify(secret(&expiring)).await), "EXPIRED");
        keywright::worker::run_due(app.services()).await;
        let before = everything(&app).await;
        app.stop().await;
        jump(&app, seconds);
        app.restart().await;
        keywright::worker::run_due(app.services()).await;
        assert_eq!(before, everything(&app).await, "{seconds}");
        assert_eq!(code(&app.verify(secret(&expiring)).await), "EXPIRED", "{seconds}");
        assert!(clock(&app).await.is_some_and(|ahead| ahead.signum() == seconds.signum()), "{seconds}");
        sign_in(&app).await.client.get("/v1/user/profile").await.expect(200);
    }
}

/// Seconds that the wall clock is ahead, as `/readyz` shows them.
async fn clock(app: &TestApp) -> Option<i64> {
    app.anonymous().get("/readyz").await.expect(200)["clock"]["ahead_seconds"].as_i64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_shown_and_ends_by_itself_or_by_an_administrator() {
    let app = TestApp::with(|config| config.http.metrics_listen = Some("127.0.0.1:0".parse().unwrap())).await;
    let metric = async || {
        let text = app.scraper().get("/metrics").await.text();
        let line = text.lines().find(|line| line.starts_with("keywright_clock_ahead_seconds ")).unwrap();
        line.split(' ').next_back().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((clock(&app).await, metric().await), (None, 0.0));
    jump(&app, -DAY);
    let shown = app.anonymous().get("/readyz").await.expect(200);
    assert_eq!(shown["status"], "ok");
    assert_eq!(shown["clock"]["ahead_seconds"], -DAY);
    assert_eq!(shown["clock"]["accepted_in_seconds"], 3 * 3_600);
    assert_eq!(metric().await, -86_400.0);
    pass(&app, 3 * 3_600 - 60);
    assert_eq!(clock(&app).await, Some(-DAY));
    pass(&app, 60);
    assert_eq!((clock(&app).await, metric().await), (None, 0.0));

    jump(&app, 7 * DAY);
    assert_eq!(clock(&app).await, Some(7 * DAY));
    app.anonymous().post("/v1/clock/accept", &json!({})).await.refused(401, "MISSING_API_KEY");
    let reader = app.key(&["activity:read"]).await;
    reader.post("/v1/clock/accept", &json!({})).await.refused(403, "INSUFFICIENT_SCOPE");
    let manager = app.key(&["settings:manage"]).await;
    let accepted = manager.post("/v1/clock/accept", &json!({})).await.expect(200);
    assert_eq!(accepted, json!({"ahead_seconds": 7 * DAY}));
    assert_eq!(clock(&app).await, None);
    let rows = app.operator().get("/v1/activity?kind=clock.accepted").await.expect(200);
    assert_eq!(rows["data"][0]["detail"]["ahead_seconds"], 7 * DAY, "{rows}");
    // Again: there is no difference to accept.
    assert_eq!(manager.post("/v1/clock/accept", &json!({})).await.expect(200), json!({"ahead_seconds": 0}));
}

/// Functions of a source that delete rows by a time that is not `Settled`: name and signature.
fn deletes_by_any_time(code: &str) -> Vec<&str> {
    let code_of = |start: usize| {
        let end = code[start..].find("\n}\n").map_or(code.len(), |end| start + end);
        &code[start..end]
    };
    let functions = code.match_indices("\npub fn ").map(|(at, _)| code_of(at + 1));
    let by_time = |function: &&str| {
        let signature = function.split(") -> ").next().unwrap_or_default();
        let deletes = function.match_indices("DELETE FROM").any(|(at, _)| function[at..].contains("_at <"));
        deletes && signature.contains("Timestamp")
    };
    functions.filter(by_time).map(|function| function.lines().next().unwrap_or_default()).collect()
}

/// A wall clock that boot time contradicts must not destroy data: functions that delete by time take `Settled`.
#[test]
fn what_deletes_by_time_takes_the_settled_time() {
    let store = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/queries");
    let keys = store.join("keys");
    let files = std::fs::read_dir(store).unwrap().chain(std::fs::read_dir(keys).unwrap());
    let files: Vec<_> = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    assert!(files.len() > 20, "this looks at the whole folder");
    for file in files {
        let code = std::fs::read_to_string(&file).unwrap();
        assert_eq!(deletes_by_any_time(&code), [""; 0], "{}", file.display());
    }
    let wrong = "\npub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {\n    tx.execute(\"DELETE FROM x WHERE expires_at <= ?1\")\n}\n";
    assert_eq!(deletes_by_any_time(wrong).len(), 1);
    assert!(deletes_by_any_time(&wrong.replace("Timestamp", "Settled")).is_empty());
}
