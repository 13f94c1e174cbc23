//! Pages and their files, all from the binary: nothing is fetched from anywhere else.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response};

use super::{dashboard, docs};
use crate::error::Error;
use crate::model::setting::Settings;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";
pub(super) const JS: &str = "text/javascript; charset=utf-8";
pub(super) const SVG: &str = "image/svg+xml";

/// For pages of Keywright: scripts and styles are files of this origin, nothing is inline, and no page frames them.
const PAGE_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Bytes that are part of the program, or were made when it started.
type Bytes = Cow<'static, [u8]>;

/// One file that never changes while the process runs, in every form that it is sent in.
#[derive(Clone)]
pub(super) struct Asset {
    content_type: &'static str,
    cache: HeaderValue,
    /// The smallest first; the last one is the file as it is.
    forms: Vec<Form>,
}

#[derive(Clone)]
struct Form {
    /// The token of `Content-Encoding`; none is the file as it is.
    encoding: Option<&'static str>,
    body: Bytes,
    etag: HeaderValue,
}

impl Form {
    fn new(encoding: Option<&'static str>, body: Bytes) -> Self {
        let hash = digest::digest(&digest::SHA256, &body);
        let tag: String = hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let etag =
            HeaderValue::from_str(&format!("\"{tag}\"")).expect("hexadecimal digits are a valid header");
        Self { encoding, body, etag }
    }
}

impl Asset {
    /// A file with its type. Browsers ask each time whether it is still the same.
    pub(super) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let forms = vec![Form::new(None, body.into())];
        Self { content_type, cache: HeaderValue::from_static("no-cache"), forms }
    }

    /// The same file, already compressed. Add the smallest first.
    #[must_use]
    pub(super) fn compressed(mut self, encoding: &'static str, body: Option<Bytes>) -> Self {
        if let Some(body) = body {
            let plain = self.forms.len() - 1;
            self.forms.insert(plain, Form::new(Some(encoding), body));
        }
        self
    }

    /// Its name changes with its content, so that caches never revalidate it.
    #[must_use]
    pub(super) fn immutable(mut self) -> Self {
        self.cache = HeaderValue::from_static("public, max-age=31536000, immutable");
        self
    }

    /// The form that this client takes (RFC 9110, section 12.5.3).
    fn form_for(&self, headers: &HeaderMap) -> &Form {
        let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        self.forms
            .iter()
            .find(|form| form.encoding.is_none_or(|encoding| accepts(accepted.unwrap_or_default(), encoding)))
            .expect("the last form is the file as it is")
    }
}

/// Whether `Accept-Encoding: accepted` names `encoding` without refusing it.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = words
            .filter_map(|word| word.strip_prefix("q="))
            .any(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0));
        named && !refused
    })
}

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2: weak comparison).
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag.as_bytes() == etag.as_bytes())
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let form = self.form_for(request.headers());
        let mut response = if is_known(request.headers(), &form.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let body = match &form.body {
                Cow::Borrowed(bytes) => Body::from(*bytes),
                Cow::Owned(bytes) => Body::from(bytes.clone()),
            };
            let response = Response::builder().header(header::CONTENT_TYPE, self.content_type);
            match form.encoding {
                Some(encoding) => response.header(header::CONTENT_ENCODING, encoding).body(body),
                None => response.body(body),
            }
        };
        let headers = response.headers_mut();
        if self.forms.len() > 1 {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.insert(header::ETAG, form.etag.clone());
        headers.insert(header::CACHE_CONTROL, self.cache.clone());
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_CSP));
        Ok(response)
    }
}

/// A file that is made at its first request, to save time and memory at the start.
pub(super) struct Later(Arc<LazyLock<Asset>>);

impl Later {
    pub(super) fn new(make: fn() -> Asset) -> Self {
        Self(Arc::new(LazyLock::new(make)))
    }
}

impl Endpoint for Later {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let asset = self.0.clone();
        // Not on this thread, which has other requests to answer.
        let made = tokio::task::spawn_blocking(move || {
            LazyLock::force(&asset);
        });
        made.await.map_err(|_| Error::internal("a file could not be made"))?;
        self.0.call(request).await
    }
}

/// Paths and files of the dashboard and of the API reference.
pub(super) fn pages(settings: &Settings) -> Vec<(String, Asset)> {
    let mut pages = docs::files();
    pages.extend(dashboard::files(settings));
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(asset: &Asset, headers: &[(&'static str, &str)]) -> Response {
        let request =
            headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        asset.call(request.finish()).await.expect("an asset always answers")
    }

    fn script() -> Asset {
        Asset::new(JS, &b"let plain"[..])
            .compressed("br", Some(Cow::Borrowed(b"br")))
            .compressed("gzip", Some(Cow::Borrowed(b"gzip")))
            .immutable()
    }

    #[tokio::test]
    async fn the_smallest_form_that_the_client_takes_is_sent() {
        let asset = script();
        for (accepted, sent) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("identity", "let plain"),
            ("brotli", "let plain"),
        ] {
            let response = get(&asset, &[("accept-encoding", accepted)]).await;
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
            let encoded = response.headers().contains_key(header::CONTENT_ENCODING);
            assert_eq!(encoded, sent != "let plain", "{accepted}");
            assert_eq!(response.into_body().into_string().await.expect("text"), sent, "{accepted}");
        }
        assert!(get(&asset, &[]).await.headers().get(header::CONTENT_ENCODING).is_none());
    }

    #[tokio::test]
    async fn what_the_client_has_is_not_sent_again() {
        let asset = script();
        let first = get(&asset, &[("accept-encoding", "br")]).await;
        let tag = first.headers()[header::ETAG].to_str().expect("ASCII").to_owned();
        let list = format!("\"other\", W/{tag}");
        let again = get(&asset, &[("accept-encoding", "br"), ("if-none-match", &list)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other_form = get(&asset, &[("accept-encoding", "gzip"), ("if-none-match", &list)]).await;
        assert_eq!(other_form.status(), StatusCode::OK);
    }
}
