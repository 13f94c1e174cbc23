//! Signing out at the request of an app (OpenID Connect RP-Initiated Logout 1.0).

use poem::http::{StatusCode, header};
use poem::{Request, Response};
use poem_openapi::param::Query;
use poem_openapi::{Object, OpenApi};

use super::answer::{Browsing, see_other, status_of};
use super::form::Form;
use super::{page, urlencoded};
use std::sync::Arc;

use crate::domain::identity::access::Call;
use crate::domain::identity::sessions::Change;
use crate::domain::oauth::Params;
use crate::domain::oauth::logout::{Outcome, logout};
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::Anyone;
use crate::http::cookie;

/// Redirect target of a logout request without one.
const SIGNED_OUT: &str = "/signed-out";

/// Signing out.
pub struct LogoutApi;

/// A logout request (OpenID Connect RP-Initiated Logout 1.0, section 2).
#[derive(Object)]
pub(super) struct LogoutRequest {
    /// An ID token of the session to end.
    id_token_hint: Option<String>,
    /// The client that sends the request.
    client_id: Option<String>,
    /// Redirect target after the logout, registered by the client.
    post_logout_redirect_uri: Option<String>,
    /// Returned with the redirect.
    state: Option<String>,
    /// From the consent page: the person agreed.
    csrf_token: Option<String>,
}

#[OpenApi(tag = "Tag::OAuth")]
impl LogoutApi {
    /// Sign out
    ///
    /// With an ID token of the browser's own session it ends at once; otherwise the person is asked first.
    #[oai(path = "/oauth/logout", method = "get")]
    async fn get(
        &self,
        anyone: Anyone,
        request: &Request,
        /// An ID token of the session to end.
        _id_token_hint: Query<Option<String>>,
        /// The client that sends the request.
        _client_id: Query<Option<String>>,
        /// Redirect target after the logout.
        _post_logout_redirect_uri: Query<Option<String>>,
        /// Returned with the redirect.
        _state: Query<Option<String>>,
    ) -> Result<Browsing> {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let response = match urlencoded::parse(query) {
            Ok(params) => answer(&anyone.0, request, &params, None).await,
            Err(error) => page::failure(StatusCode::BAD_REQUEST, &error.description),
        };
        Ok(Browsing(response))
    }

    /// Sign out, by form
    #[oai(path = "/oauth/logout", method = "post")]
    async fn post(&self, anyone: Anyone, request: &Request, form: Form<LogoutRequest>) -> Result<Browsing> {
        let csrf_token = form.params.get("csrf_token");
        let confirmed = csrf_token.map(|_| Change { csrf_token, origin: request.header(header::ORIGIN) });
        Ok(Browsing(answer(&anyone.0, request, &form.params, confirmed).await))
    }
}

async fn answer(
    call: &Arc<Call>,
    request: &Request,
    params: &Params,
    confirmed: Option<Change<'_>>,
) -> Response {
    let services = &call.services;
    match logout(call, params, cookie::get(services, request.headers()), confirmed).await {
        Ok(Outcome::Done { redirect_to }) => {
            let location = redirect_to.map_or_else(|| SIGNED_OUT.to_owned(), |to| urlencoded::location(&to));
            let mut response = see_other(&location);
            response.headers_mut().insert(header::SET_COOKIE, cookie::clear(services));
            response
        }
        Ok(Outcome::Confirm { csrf_token, client }) => {
            page::confirm_logout(client.as_deref(), &csrf_token, params)
        }
        Err(error) => page::failure(status_of(error.code), &error.description),
    }
}
