//! The callers that each endpoint admits, as the type of its extractor declares them, for a test and the OpenAPI
//! document.
//!
//! An extractor hands its declaration through poem-openapi as words among its security schemes. [`Declared`] takes the
//! words out again and leaves what OpenAPI knows.

use std::collections::HashMap;

use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaOperation, Registry};

use super::auth::{BEARER, COOKIE};
use super::oauth::{CLIENT, OAUTH2};
use crate::domain::identity::admission::Accepts;

/// Every operation of an API, with security requirements that OpenAPI knows.
pub(super) struct Declared<T>(pub(super) T);

/// What one endpoint takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The method.
    pub method: Method,
    /// The path as the OpenAPI document writes it: `/v1/keys/{id}`.
    pub path: String,
    /// The identities.
    pub takes: Accepts,
    /// Whether a person must have signed in recently.
    pub recent: bool,
}

const PUBLIC: &str = "takes:public";
const PERSON: &str = "takes:person";
const SCOPE: &str = "takes:scope";
const SCOPE_OR_PERSON: &str = "takes:scope-or-person";
const ANY_CREDENTIAL: &str = "takes:any-credential";
const THE_CLIENT: &str = "takes:client";
const OPENID_TOKEN: &str = "takes:openid-token";
const DESCRIBED_REQUEST: &str = "takes:described-request";
const RECENT: &str = "takes:recent";

/// The words of a declaration. The name of a scope follows its word.
pub(super) fn words(takes: Accepts, recent: bool) -> Vec<&'static str> {
    let mut words = match takes {
        Accepts::Public => vec![PUBLIC],
        Accepts::Person => vec![PERSON],
        Accepts::Scope(scope) => vec![SCOPE, scope],
        Accepts::ScopeOrPerson(scope) => vec![SCOPE_OR_PERSON, scope],
        Accepts::AnyCredential => vec![ANY_CREDENTIAL],
        Accepts::Client => vec![THE_CLIENT],
        Accepts::OpenIdToken => vec![OPENID_TOKEN],
        Accepts::DescribedRequest => vec![DESCRIBED_REQUEST],
    };
    words.extend(recent.then_some(RECENT));
    words
}

fn read(words: &[&'static str]) -> Option<(Accepts, bool)> {
    let (words, recent) = match words {
        [rest @ .., RECENT] => (rest, true),
        all => (all, false),
    };
    let takes = match *words {
        [PUBLIC] => Accepts::Public,
        [PERSON] => Accepts::Person,
        [SCOPE, scope] => Accepts::Scope(scope),
        [SCOPE_OR_PERSON, scope] => Accepts::ScopeOrPerson(scope),
        [ANY_CREDENTIAL] => Accepts::AnyCredential,
        [THE_CLIENT] => Accepts::Client,
        [OPENID_TOKEN] => Accepts::OpenIdToken,
        [DESCRIBED_REQUEST] => Accepts::DescribedRequest,
        _ => return None,
    };
    Some((takes, recent))
}

/// The declaration of an operation as its extractors handed it over.
///
/// # Panics
/// For an operation without exactly one declaration: it has no extractor for the caller.
fn take(path: &str, operation: &mut MetaOperation) -> (Accepts, bool) {
    let words: Vec<&'static str> = operation.security.drain(..).flat_map(HashMap::into_keys).collect();
    read(&words)
        .unwrap_or_else(|| panic!("{} {path} declares not one kind of caller: {words:?}", operation.method))
}

/// What OpenAPI knows of a declaration: alternatives, each with the scopes that it needs.
fn requirements(takes: Accepts) -> Vec<HashMap<&'static str, Vec<&'static str>>> {
    let one = |scheme, scopes| HashMap::from([(scheme, scopes)]);
    match takes {
        Accepts::Public | Accepts::DescribedRequest => vec![],
        Accepts::Person => vec![one(COOKIE, vec![]), one(BEARER, vec![])],
        Accepts::Scope(scope) | Accepts::ScopeOrPerson(scope) => {
            vec![one(BEARER, vec![]), one(OAUTH2, vec![scope]), one(COOKIE, vec![])]
        }
        Accepts::AnyCredential => vec![one(BEARER, vec![]), one(OAUTH2, vec![]), one(COOKIE, vec![])],
        Accepts::Client => vec![one(CLIENT, vec![]), HashMap::new()],
        Accepts::OpenIdToken => vec![one(OAUTH2, vec!["openid"])],
    }
}

impl<T: OpenApi> OpenApi for Declared<T> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = T::meta();
        for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
            for operation in &mut path.operations {
                let (takes, _) = take(&path.path, operation);
                operation.security = requirements(takes);
            }
        }
        apis
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, poem::endpoint::BoxEndpoint<'static>>>) {
        self.0.add_routes(table);
    }
}

/// What every endpoint of an API takes.
pub(super) fn declarations<T: OpenApi>(_: &T) -> Vec<Declaration> {
    let mut found = Vec::new();
    for path in T::meta().into_iter().flat_map(|api| api.paths) {
        for mut operation in path.operations {
            let (takes, recent) = take(&path.path, &mut operation);
            let path = path.path.clone();
            found.push(Declaration { method: operation.method, path, takes, recent });
        }
    }
    found
}
