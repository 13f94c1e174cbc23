//! All SQL, one file for each noun. The statements are in the subset that SQLite and PostgreSQL share: numbered
//! parameters, `RETURNING no`, `ON CONFLICT` with qualified columns, booleans as booleans, no untyped NULL tests.
//!
//! A statement that decides something carries its condition, so that of two callers one succeeds. A statement that
//! writes a table of which memory holds rows names them with [`super::Tx::touch`].

pub mod activity;
pub mod activity_counts;
pub mod activity_index;
pub mod activity_links;
pub mod activity_names;
pub mod activity_retention;
pub mod apis;
pub mod clients;
mod columns;
pub mod grants;
pub mod idempotency;
pub mod instance;
pub mod invitations;
pub mod jobs;
pub mod key_lookup;
pub mod keys;
pub mod limits;
pub mod links;
pub mod login_throttle;
pub mod oauth_requests;
pub mod oauth_tokens;
pub mod queue;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod usage;
pub mod users;
