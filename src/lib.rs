//! Keywright: API authentication in one binary and one SQLite file.
//!
//! A room imports only the rooms below it; `ROWS` in `tests/it/layers` is this drawing, checked.
//!
//! ```text
//!                  main
//!                   │
//!                  cli
//!                   │
//!                  app ───────────── reads config
//!               ┌───┴────┐
//!              http    worker
//!               └───┬────┘
//! domain    setup, instance
//!                   │
//!                 oauth ── clients ── keys ── the other nouns, such as apis
//!                   │
//!                identity            who is asking
//!                   │
//!                 policy             what they may do
//!                   │
//!                activity            the log
//!                   │
//!                platform            time, randomness, encryption, mail, caches
//!                   │
//!                 store              all SQL
//!                   │
//!                 model ──────────── with env, error, locks and measure: leaves that every room may name
//! ```
//!
//! Each room from `platform` to `identity` has its own `Services`, with those of the room below. Code takes the
//! `Services` of its own room, so its parameters show what it can reach.

pub mod activity;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod env;
pub mod error;
pub mod http;
pub mod locks;
pub mod measure;
pub mod model;
pub mod platform;
pub mod store;
pub mod worker;
