//! Keywright: API authentication in one binary and one SQLite file.
//!
//! Arrows point the only way that code may call; a test holds them.
//!
//! ```text
//! main → cli → app → { http, worker } → domain → activity → platform → store → model
//! ```
//!
//! `model`, `env` and `error` are leaves and may be used from everywhere; only `app` and `cli` read `config`.

pub mod activity;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod env;
pub mod error;
pub mod http;
pub mod model;
pub mod platform;
pub mod store;
pub mod worker;
