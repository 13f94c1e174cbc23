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

/// Where a browser ends whose client names no place.
const SIGNED_OUT: &str = "/signed-out";

/// Signing out.
pub struct LogoutApi;

/// A wish to sign out (OpenID Connect RP-Initiated Logout 1.0, section 2).
#[derive(Object)]
pub(super) struct LogoutRequest {
    /// An ID token of the session that shall end.
    id_token_hint: Option<String>,
    /// The client that asks.
    client_id: Option<String>,
    /// Where the browser goes then; one that the client registered.
    post_logout_redirect_uri: Option<String>,
    /// Comes back with it.
    state: Option<String>,
    /// From our own page: the person said yes.
    csrf_token: Option<String>,
}

#[OpenApi(tag = "Tag::OAuth")]
impl LogoutApi {
    /// Sign out
    ///
    /// With an ID token of the browser's own session it ends at once; else the person is asked.
    #[oai(path = "/oauth/logout", method = "get")]
    async fn get(
        &self,
        anyone: Anyone,
        request: &Request,
        /// An ID token of the session that shall end.
        _id_token_hint: Query<Option<String>>,
        /// The client that asks.
        _client_id: Query<Option<String>>,
        /// Where the browser goes then.
        _post_logout_redirect_uri: Query<Option<String>>,
        /// Comes back with it.
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
