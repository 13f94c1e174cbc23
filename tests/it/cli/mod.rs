//! The real program: arguments, output and exit codes.

mod init;
mod keys;
mod serve;
