//! Machinery without rules: sealing, cursors, caches, worker threads, the queue, mail.

pub mod changes;
pub mod cursor;
pub mod epoch_cache;
pub mod input;
pub mod mail;
pub mod process;
pub mod queue;
pub mod services;
pub mod vault;
pub mod workers;

pub use services::Services;
