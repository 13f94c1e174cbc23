//! The rules. They take the time from their caller and know no HTTP and no SQL.

pub mod activity_log;
pub mod apis;
pub mod clients;
pub mod idempotency;
pub mod identity;
pub mod instance;
pub mod keys;
pub mod oauth;
pub mod policy;
pub mod settings;
pub mod setup;
#[cfg(test)]
pub(crate) mod testing;
