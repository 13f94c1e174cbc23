//! Tests from outside, in one binary that links once. Each test has a server of its own and calls it over real HTTP.

#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(dead_code, reason = "the support is for every feature, and not all are here yet")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod activity;
mod apis;
mod bounds;
mod cli;
mod documents;
mod faults;
mod files;
mod fresh;
mod fuzz;
mod gate;
mod http;
mod keys;
mod language;
mod layers;
mod mail;
mod matrix;
mod metrics;
mod names;
mod oauth;
mod passwords;
mod people;
mod repeats;
mod schema;
mod self_service;
mod sign_in;
mod support;
mod tokens;
mod web;
