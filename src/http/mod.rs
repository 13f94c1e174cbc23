//! The HTTP face.

pub mod server;
