//! Client libraries in Node.js and Python. Their packages are installed under `target` at the first run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use tokio::sync::OnceCell;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libraries");

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries"));

/// A call of a script of `tests/libraries`, with its packages installed.
pub async fn script(name: &str) -> Command {
    let mut command =
        if name.ends_with(".py") { Command::new(python().await) } else { Command::new(node().await) };
    command.arg(FOLDER.join(name));
    command
}

/// Runs a script that must succeed, while the server answers; returns its output.
pub async fn run(command: Command) -> String {
    let called = format!("{command:?}");
    let output = output(command).await;
    assert!(output.status.success(), "{called}\n{}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

async fn output(mut command: Command) -> Output {
    let name = command.get_program().to_owned();
    let run = move || command.output().unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Installs the libraries once, and again when their list has changed.
async fn install(wanted: &[&str], stamp: &str, commands: &[&[&str]]) {
    std::fs::create_dir_all(&*FOLDER).expect("a folder");
    for entry in std::fs::read_dir(SCRIPTS).expect("the scripts") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            std::fs::copy(&path, FOLDER.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    let read = |name: &&str| std::fs::read_to_string(FOLDER.join(name)).expect("what is wanted");
    let wanted: String = wanted.iter().map(read).collect();
    let stamp = FOLDER.join(stamp);
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return;
    }
    for command in commands {
        let mut installer = Command::new(command[0]);
        installer.args(&command[1..]).current_dir(&*FOLDER);
        let output = output(installer).await;
        assert!(output.status.success(), "{command:?}\n{}", said(&output));
    }
    std::fs::write(stamp, wanted).expect("written");
}

async fn node() -> &'static Path {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(|| async {
            let npm: &[&str] = &["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"];
            install(&["package.json", "package-lock.json"], ".node", &[npm]).await;
        })
        .await;
    Path::new("node")
}

/// A Python with the libraries.
pub async fn python() -> PathBuf {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let program = FOLDER.join("python/bin/python");
    INSTALLED
        .get_or_init(|| async {
            let make: &[&str] = &["python3", "-m", "venv", "python"];
            let pip: &[&str] = &[
                "python/bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--requirement",
                "requirements.txt",
            ];
            install(&["requirements.txt"], ".python", &[make, pip]).await;
        })
        .await;
    program
}
