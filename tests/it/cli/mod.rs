//! The real program: what people type, what they read, and how it ends.

mod init;
mod keys;
mod serve;
