//! The authorization endpoint (RFC 6749, section 3.1).

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Request, Response};
use poem_openapi::param::Query;
use poem_openapi::{Object, OpenApi};

use super::answer::{Browsing, see_other, status_of};
use super::form::Form;
use super::{browser, page, urlencoded};
use crate::domain::identity::access::Call;
use crate::domain::oauth::Params;
use crate::domain::oauth::authorize::{Outcome, Page, authorize};
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::Anyone;

/// The authorization endpoint.
pub struct AuthorizeApi;

/// An authorization request (RFC 6749, section 4.1.1; RFC 7636; RFC 8707; OpenID Connect Core, section 3.1.2.1).
#[derive(Object)]
pub(super) struct AuthorizationRequest {
    /// `code`
    response_type: String,
    /// The client.
    client_id: String,
    /// Redirect target of the response; may be left out where the client registered only one.
    redirect_uri: Option<String>,
    /// The requested scopes; by default all that the client may have.
    scope: Option<String>,
    /// Returned with the response.
    state: Option<String>,
    /// SHA-256 of the verifier, in base64url.
    code_challenge: Option<String>,
    /// `S256`
    code_challenge_method: Option<String>,
    /// Audience of the API that is meant.
    resource: Option<String>,
    /// Returned in the ID token.
    nonce: Option<String>,
    /// `none`, `login`, `consent`, `select_account`
    prompt: Option<String>,
    /// How old the sign-in may be, in seconds.
    max_age: Option<u32>,
    /// The address to sign in with.
    login_hint: Option<String>,
    /// An ID token of the expected person.
    id_token_hint: Option<String>,
}

#[OpenApi(tag = "Tag::OAuth")]
impl AuthorizeApi {
    /// Ask a person for access
    ///
    /// Redirects the browser to the sign-in or consent page and then to the client, with `code`, `state` and `iss`, or
    /// with `error`. A request with a wrong client or redirect URI gets an error page.
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each parameter; all are read from the query itself"
    )]
    #[oai(path = "/oauth/authorize", method = "get")]
    async fn get(
        &self,
        anyone: Anyone,
        request: &Request,
        /// `code`
        _response_type: Query<Option<String>>,
        /// The client.
        _client_id: Query<Option<String>>,
        /// Redirect target of the response.
        _redirect_uri: Query<Option<String>>,
        /// The requested scopes.
        _scope: Query<Option<String>>,
        /// Returned with the response.
        _state: Query<Option<String>>,
        /// SHA-256 of the verifier, in base64url.
        _code_challenge: Query<Option<String>>,
        /// `S256`
        _code_challenge_method: Query<Option<String>>,
        /// Audience of the API that is meant.
        _resource: Query<Option<String>>,
        /// Returned in the ID token.
        _nonce: Query<Option<String>>,
        /// `none`, `login`, `consent`, `select_account`
        _prompt: Query<Option<String>>,
        /// How old the sign-in may be, in seconds.
        _max_age: Query<Option<String>>,
        /// The address to sign in with.
        _login_hint: Query<Option<String>>,
    ) -> Result<Browsing> {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        Ok(Browsing(answer(&anyone.0, request, query).await))
    }

    /// Ask a person for access, by form
    #[oai(path = "/oauth/authorize", method = "post")]
    async fn post(
        &self,
        anyone: Anyone,
        request: &Request,
        form: Form<AuthorizationRequest>,
    ) -> Result<Browsing> {
        Ok(Browsing(answer_params(&anyone.0, request, form.params).await))
    }
}

async fn answer(call: &Arc<Call>, request: &Request, query: &[u8]) -> Response {
    match urlencoded::parse(query) {
        Ok(params) => answer_params(call, request, params).await,
        Err(error) => page::failure(StatusCode::BAD_REQUEST, &error.description),
    }
}

async fn answer_params(call: &Arc<Call>, request: &Request, params: Params) -> Response {
    let services = &call.services;
    match authorize(call, &params, browser::from_request(services, request)).await {
        Ok(Outcome::Redirect(redirect)) => see_other(&urlencoded::location(&redirect)),
        Ok(Outcome::Ask { page, request, browser: fresh }) => {
            let path = match page {
                Page::SignIn => "/sign-in",
                Page::Consent => "/consent",
            };
            // Random values are base64url and need no encoding.
            let mut response = see_other(&format!("{path}?request={}", request.expose()));
            if let Some(fresh) = fresh {
                response.headers_mut().insert(header::SET_COOKIE, browser::set(services, &fresh));
            }
            response
        }
        Err(error) => page::failure(status_of(error.code), &error.description),
    }
}
