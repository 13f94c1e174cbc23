//! `keywright init`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::Program;

const INIT: [&str; 4] = ["init", "--email", "owner@example.com", "--password-stdin"];

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_creates_an_owner_and_a_management_key_in_private_files() {
    let (program, key) = Program::initialised();
    assert!(key.starts_with("kw_live_"), "{key}");
    assert_eq!(mode(program.data()), 0o700);
    assert_eq!(mode(&program.data().join("master.key")), 0o600);
    let users = program.run(["activity", "list", "--kind", "user.created", "--json"]).json();
    assert_eq!(users.as_array().unwrap().len(), 1, "{users}");
    assert_eq!(users[0]["user"]["email"], "owner@example.com");
}

#[test]
fn people_read_the_key_once_and_what_to_do_next() {
    let program = Program::new();
    let made = program.run_with_input(INIT, "correct horse battery staple");
    let text = made.good();
    assert_eq!(text.matches("kw_live_").count(), 1, "{text}");
    assert!(
        text.contains("usr_") && text.contains("shown once") && text.contains("keywright serve"),
        "{text}"
    );
}

#[test]
fn a_used_directory_is_refused_and_left_alone() {
    let (program, _) = Program::initialised();
    let before = std::fs::read(program.data().join("master.key")).unwrap();
    let again = program.run_with_input(INIT, "correct horse battery staple");
    assert!(again.refused(1).contains("is not empty"), "{}", again.stderr);
    assert_eq!(std::fs::read(program.data().join("master.key")).unwrap(), before);

    let other = Program::new();
    std::fs::create_dir(other.data()).unwrap();
    std::fs::write(other.data().join("holiday.jpg"), "x").unwrap();
    assert!(other.run_with_input(INIT, "correct horse battery staple").refused(1).contains("is not empty"));
    assert!(!other.data().join("master.key").exists());
}

#[test]
fn a_configuration_may_be_there_already() {
    let program = Program::new();
    std::fs::create_dir(program.data()).unwrap();
    std::fs::write(program.data().join("keywright.toml"), "organization = 'Example'").unwrap();
    program.run_with_input(INIT, "correct horse battery staple").good();
}

#[test]
fn a_password_has_8_to_256_characters_and_no_nul() {
    for bad in ["", "short12", "seven77\n", &"x".repeat(257), "correct\0horse"] {
        let program = Program::new();
        let refused = program.run_with_input(INIT, bad);
        assert!(refused.refused(2).contains("password: "), "{bad:.20}: {}", refused.stderr);
        assert!(!program.data().exists(), "nothing was made");
    }
    for good in ["12345678\n", "ünïcödé8\r\n", &"x".repeat(256)] {
        Program::new().run_with_input(INIT, good).good();
    }
}

#[test]
fn an_address_and_the_password_are_asked_for() {
    let program = Program::new();
    let wrong = ["init", "--email", "nobody", "--password-stdin"];
    assert!(program.run_with_input(wrong, "correct horse battery staple").refused(2).contains("email: "));
    assert_eq!(program.run(["init", "--email", "owner@example.com"]).code, Some(2));
    assert_eq!(program.run(["init", "--password-stdin"]).code, Some(2));
    assert!(!program.data().exists());
}
