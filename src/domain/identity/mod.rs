//! Authentication: credentials, sessions, users, passwords, factors and signing keys.
//!
//! `authenticate` uses `tokens`, `sessions` and `token_states`, which do not depend on one another's callers.

pub mod access;
pub mod admission;
pub mod authenticate;
pub mod clients;
pub mod key_bound;
pub mod key_state;
pub mod login_throttle;
pub mod memory;
pub mod passwords;
pub mod self_or_all;
pub mod services;
pub mod sessions;
pub mod signing_keys;
pub mod token_states;
pub mod tokens;
pub mod totp;
pub mod users;

pub use services::{Options, Services};
