//! The cookie that binds an authorization request to its browser before sign-in.

use poem::Request;
use poem::http::HeaderValue;

use crate::domain::identity::Services;
use crate::domain::oauth::REQUEST_SECONDS;
use crate::domain::oauth::authorize::Browser;
use crate::http::cookie;
use crate::model::Secret;

fn name(services: &Services) -> String {
    format!("{}-browser", cookie::name(services))
}

/// The browser of a request, by its cookies.
pub(in crate::http) fn from_request<'r>(services: &Services, request: &'r Request) -> Browser<'r> {
    let headers = request.headers();
    Browser { id: cookie::named(headers, &name(services)), session: cookie::get(services, headers) }
}

/// `Set-Cookie` for a browser that had none.
pub(super) fn set(services: &Services, id: &Secret) -> HeaderValue {
    let name = name(services);
    let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
    // Longer than any request waits, so that two flows in a row share it.
    let seconds = 6 * REQUEST_SECONDS;
    let id = id.expose();
    let line = format!("{name}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&line).expect("base64url is ASCII");
    value.set_sensitive(true);
    value
}
