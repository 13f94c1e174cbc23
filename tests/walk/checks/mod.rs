//! How each promise is tried, by the name that the documents' descriptions use.

mod errors;
mod examples;
mod limits;
mod log;
mod making;
mod oauth;
mod rotation;
mod scopes;
mod sign_in;

use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::documents::{Document, Statement};
use crate::world::Walk;

/// A statement of the document that a walk is about.
#[derive(Clone)]
pub struct Told {
    document: Arc<Document>,
    at: usize,
}

impl Told {
    /// The statements of a document, in order.
    pub fn all(document: &Arc<Document>) -> impl Iterator<Item = Self> {
        (0..document.statements.len()).map(|at| Self { document: document.clone(), at })
    }
}

impl std::ops::Deref for Told {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        &self.document.statements[self.at]
    }
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
/// A check; it panics with what is wrong.
pub type Check = fn(Arc<Walk>, Told) -> Running;

macro_rules! checks {
    ($($module:ident { $($name:ident),+ $(,)? })+) => {
        /// The check of this name.
        pub fn find(name: &str) -> Option<Check> {
            match name {
                $($(stringify!($name) => Some(|walk, told| {
                    Box::pin(async move { $module::$name(&walk, &told).await })
                }),)+)+
                _ => None,
            }
        }

        /// Every name.
        pub const NAMES: &[&str] = &[$($(stringify!($name)),+),+];
    };
}

checks! {
    making { long_lived, named, unique, shown_once, expires, preset, opens_everything, sign_up }
    examples { example, header_alone }
    oauth { register, authorize, exchange, code_grant, client_credentials, refresh_grant, profile }
    sign_in { both_kinds, login, refresh, session_hour }
    scopes { scope, grants_all, narrowest, live_key, test_key, told_environment }
    limits { tier, custom_limit, headers_tell, too_many }
    errors { error_body, unauthorized, forbidden, make_request }
    rotation { rotated, unused, create_new, use_new, test_new, delete_old }
    log { logged }
}

/// What is said of a whole walk, after it.
pub const IN_THE_LOG: &str = "Every request that reached the service is in the activity log, and no other";

/// See [`IN_THE_LOG`].
pub async fn in_the_log(walk: Arc<Walk>) {
    log::complete(&walk).await;
}

/// A member of an answer as text.
#[track_caller]
fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}")).to_owned()
}
