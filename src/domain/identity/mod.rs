//! Who is asking: credentials, sessions, users, passwords, factors and the keys that sign tokens.

pub mod access;
pub mod brute;
pub mod passwords;
pub mod people;
pub mod reach;
pub mod sessions;
pub mod setup;
pub mod signing_keys;
pub mod tokens;
pub mod totp;
pub mod users;
