//! The checks, by the names that the documents' descriptions use.

mod errors;
mod examples;
mod limits;
mod log;
mod making;
mod oauth;
mod rotation;
mod scopes;
mod sign_in;

use std::sync::Arc;

use serde_json::Value;

use crate::documents::{Document, Statement};
use crate::sequence::{self, Running, Sequence, slug};
use crate::world::Course;

/// A statement of a document.
#[derive(Clone)]
pub struct Promise {
    document: Arc<Document>,
    at: usize,
}

impl Promise {
    /// The statements of a document, in order.
    pub fn all(document: &Arc<Document>) -> impl Iterator<Item = Self> {
        (0..document.statements.len()).map(|at| Self { document: document.clone(), at })
    }
}

impl std::ops::Deref for Promise {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        &self.document.statements[self.at]
    }
}

/// A check; it panics with the failure.
type Check = fn(Arc<Course>, Promise) -> Running;

macro_rules! checks {
    ($($module:ident { $($name:ident),+ $(,)? })+) => {
        /// The check of this name.
        fn find(name: &str) -> Option<Check> {
            match name {
                $($(stringify!($name) => Some(|course, promise| {
                    Box::pin(async move { $module::$name(&course, &promise).await })
                }),)+)+
                _ => None,
            }
        }

        /// Every name.
        const NAMES: &[&str] = &[$($(stringify!($name)),+),+];
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

/// The last statement of each sequence.
pub const IN_THE_LOG: &str = "Every request that reached the service is in the activity log, and no other";

/// The statements of a document, and then [`IN_THE_LOG`].
pub fn sequence(document: &Arc<Document>) -> Sequence {
    let promises = Promise::all(document).map(|promise| {
        let check = find(promise.check()).unwrap_or_else(|| panic!("no check: {}", promise.check()));
        let name = format!("l{}_{}", promise.lines, slug(&promise.says));
        sequence::Statement { name, run: Box::new(move |course| check(course, promise.clone())) }
    });
    let last = sequence::Statement {
        name: slug(IN_THE_LOG),
        run: Box::new(|course| Box::pin(async move { log::complete(&course).await })),
    };
    let statements = promises.chain([last]).collect();
    Sequence::new(document.file.trim_end_matches(".txt"), document, statements)
}

/// Checks that no statement uses.
pub fn unused(documents: &[Arc<Document>]) -> Vec<String> {
    let is_used = |name: &str| {
        documents.iter().flat_map(|document| &document.statements).any(|promise| promise.check() == name)
    };
    let unused = NAMES.iter().filter(|name| !is_used(name));
    unused.map(|name| format!("no statement is checked by {name}")).collect()
}

/// A member of a response as text.
#[track_caller]
fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}")).to_owned()
}
