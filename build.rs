//! Rebuilds when the dashboard's files change; their names depend on their content.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=ui/dist");
}
