//! `keywright serve`: start, refusal to start, and stop.

use std::io::BufRead as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use crate::support::Program;

#[test]
fn every_mistake_is_reported_at_once() {
    let program = Program::new();
    let mut command = program.command(["serve", "--check", "--listen", "here", "--signup", "maybe"]);
    let ended =
        command.env("KEYWRIGHT_ACTIVITY_RETENTION_DAYS", "-1").env("KEYWRIGHT_LISTEM", "x").output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    for part in [
        "4 mistakes",
        "listen (flag --listen)",
        "signup (flag --signup)",
        "activity_retention_days (variable KEYWRIGHT_ACTIVITY_RETENTION_DAYS)",
        "did you mean listen?",
    ] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
    assert!(!program.data().exists(), "a check makes nothing");
}

#[test]
fn a_valid_configuration_is_reported() {
    let program = Program::new();
    let checked = program.run(["serve", "--check", "--public-url", "http://auth.example.com"]);
    assert!(checked.good().contains("Warning: public_url is http://auth.example.com"));
    assert!(checked.good().contains("valid"));
    assert!(!program.data().exists());
}

#[test]
fn it_serves_and_stops_in_order() {
    let program = Program::new();
    let server = program.serve::<&str>([]);
    assert!(program.data().join("control.sock").exists());
    let socket = std::fs::metadata(program.data().join("control.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!program.data().join("control.sock").exists());
    assert!(!program.data().join("keywright.db-wal").exists(), "everything is in the one file");
}

#[test]
fn a_renewed_certificate_is_used_after_sighup() {
    let program = Program::new();
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(program.directory().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(program.directory().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    };
    renew();
    let server = program.serve(["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    renew();
    server.signal("HUP");
    server.says("the TLS certificate was reloaded");
    std::fs::write(program.directory().join("key.pem"), "gone").unwrap();
    server.signal("HUP");
    server.says("the previous TLS certificate stays in use");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_killed_server_is_followed_by_another() {
    let (program, _) = Program::initialised();
    program.serve::<&str>([]).kill();
    assert!(program.data().join("control.sock").exists(), "nobody cleaned up");
    program.run(["activity", "list"]).good();
    let server = program.serve::<&str>([]);
    program.run(["activity", "list"]).good();
    server.stop();
}

#[test]
fn a_stale_socket_is_no_obstacle() {
    let (program, _) = Program::initialised();
    drop(UnixListener::bind(program.data().join("control.sock")).unwrap());
    program.run(["activity", "list"]).good();
}

#[test]
fn a_path_too_long_for_a_socket_is_reported() {
    let program = Program::new();
    let deep = program.directory().join("d".repeat(120));
    let ended = program.run(["serve", "--listen", "127.0.0.1:0", "--data", deep.to_str().unwrap()]);
    assert!(ended.refused(1).contains("choose a shorter --data"), "{}", ended.stderr);
}

#[test]
fn an_address_in_use_is_reported() {
    let program = Program::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = program.run(["serve", "--listen", &address]);
    let stderr = ended.refused(1);
    assert!(stderr.contains(&address) && stderr.contains("--listen"), "{stderr}");
}

#[test]
fn no_directory_is_no_reason_to_make_one() {
    let program = Program::new();
    let ended = program.run(["activity", "list"]);
    assert!(ended.refused(1).contains("keywright init"), "{}", ended.stderr);
    assert!(!program.data().exists());
}

#[test]
fn wrong_usage_ends_with_2() {
    let program = Program::new();
    for arguments in [&["nonsense"][..], &["key"], &["serve", "--port", "1"], &[]] {
        assert_eq!(program.run(arguments).code, Some(2), "{arguments:?}");
    }
    let suggestion = program.run(["serv"]);
    assert!(suggestion.stderr.contains("serve"), "{}", suggestion.stderr);
}

#[test]
fn the_document_and_completions_need_no_data() {
    let program = Program::new();
    let document: serde_json::Value = serde_json::from_str(program.run(["openapi"]).good()).unwrap();
    assert_eq!(document["info"]["title"], "Keywright");
    for shell in ["bash", "zsh", "fish"] {
        assert!(program.run(["completions", shell]).good().contains("keywright"), "{shell}");
    }
    assert!(program.run(["--version"]).good().starts_with("keywright "));
    assert!(!program.data().exists());
}

#[test]
fn a_closed_output_is_no_panic() {
    let program = Program::new();
    for arguments in [["openapi", ""], ["completions", "zsh"]] {
        let mut child = program.command(arguments.iter().filter(|word| !word.is_empty())).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), "", "{arguments:?}");
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn log_lines_in_json_hold_plain_values() {
    let mut program = Program::new();
    program.set("KEYWRIGHT_LOG_FORMAT", "json");
    let mut child = program.command(["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    let serving = lines.find(|line| line["message"] == "serving");
    child.kill().unwrap();
    child.wait().unwrap();
    let address = serving.expect("it serves")["address"].clone();
    address.as_str().unwrap().parse::<std::net::SocketAddr>().unwrap();
}
