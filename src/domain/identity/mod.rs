//! Who is asking: credentials, sessions, users, passwords, factors and the keys that sign tokens.
//!
//! `authenticate` reads `tokens`, `sessions` and `standing`; these do not know one another's callers.

pub mod access;
pub mod admission;
pub mod authenticate;
pub mod clients;
pub mod key_bound;
pub mod key_state;
pub mod login_throttle;
pub mod passwords;
pub mod self_or_all;
pub mod services;
pub mod sessions;
pub mod signing_keys;
pub mod standing;
pub mod tokens;
pub mod totp;
pub mod users;

pub use services::{Options, Services};
