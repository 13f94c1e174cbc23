//! The query of forward-auth, parsed strictly: a misspelt parameter must not weaken the rule.

use std::borrow::Cow;

use super::identity::Filled;
use crate::error::{Error, Result};
use crate::model::encoding::form_decoded;
use crate::model::{RequestedEnvironment, ScopeExpr};

/// The query, which the configuration of the proxy fixes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The API's slug.
    pub(super) api: Box<str>,
    pub(super) scope: Option<ScopeExpr>,
    /// None where the query has no such parameter.
    pub(super) environment: Option<RequestedEnvironment>,
    /// Whether every other 4xx must become 403, which nginx can pass on.
    pub(super) nginx: bool,
    /// Which identity headers are filled.
    pub(super) filled: Filled,
}

/// Reads a query string.
///
/// # Errors
/// `INVALID_REQUEST`, naming the parameter that is unknown, repeated or malformed.
pub(super) fn read(text: &str) -> Result<Query> {
    let (mut api, mut scope, mut environment, mut nginx, mut headers) = (None, None, None, None, None);
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = form_decoded(name.as_bytes()).ok_or_else(|| Error::invalid("query", "It is not UTF-8"))?;
        let value = form_decoded(value.as_bytes()).ok_or_else(|| Error::invalid(&name, "It is not UTF-8"))?;
        let place = match &*name {
            "api" => &mut api,
            "scope" => &mut scope,
            "environment" => &mut environment,
            "nginx" => &mut nginx,
            "headers" => &mut headers,
            _ => {
                return Err(Error::invalid(
                    &name,
                    "There is no such parameter: use api, scope, environment, headers, nginx",
                ));
            }
        };
        if place.replace(value).is_some() {
            return Err(Error::invalid(&name, "Give it once"));
        }
    }
    let parse_environment = |word: Cow<'_, str>| {
        word.parse()
            .map_err(|error: crate::model::UnknownValue| Error::invalid("environment", error.to_string()))
    };
    let parse_scope = |text: Cow<'_, str>| {
        ScopeExpr::parse(&text).map_err(|error| Error::invalid("scope", error.to_string()))
    };
    Ok(Query {
        api: api.ok_or_else(|| Error::invalid("api", "Name the API that the request is for"))?.into(),
        scope: scope.map(parse_scope).transpose()?,
        environment: environment.map(parse_environment).transpose()?,
        nginx: match nginx.as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err(Error::invalid("nginx", "Use 1 or leave it out")),
        },
        filled: headers.map_or(Ok(Filled::ALL), |names| Filled::read(&names))?,
    })
}
