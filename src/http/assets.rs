//! Pages and their files, all from the binary: nothing is fetched from anywhere else.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::{OpenApi, OpenApiService};

/// For pages of ours: scripts and styles are files of this origin, nothing is inline, nobody frames them.
const PAGE_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One file that never changes while the process runs.
pub(super) struct Asset {
    body: &'static [u8],
    content_type: &'static str,
    etag: HeaderValue,
}

impl Asset {
    /// A file with its type.
    pub(super) fn new(content_type: &'static str, body: &'static [u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, body);
        let tag: String = hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let etag =
            HeaderValue::from_str(&format!("\"{tag}\"")).expect("hexadecimal digits are a valid header");
        Self { body, content_type, etag }
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let known = request.headers().get(header::IF_NONE_MATCH) == Some(&self.etag);
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::builder().header(header::CONTENT_TYPE, self.content_type).body(self.body)
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_CSP));
        Ok(response)
    }
}

/// Paths and files of the plain pages and of Swagger UI.
pub(super) fn pages() -> Vec<(&'static str, Asset)> {
    const HTML: &str = "text/html; charset=utf-8";
    const CSS: &str = "text/css; charset=utf-8";
    const JS: &str = "text/javascript; charset=utf-8";
    let swagger = &*SWAGGER_UI;
    vec![
        ("/", Asset::new(HTML, include_bytes!("pages/index.html"))),
        ("/pages/page.css", Asset::new(CSS, include_bytes!("pages/page.css"))),
        ("/docs", Asset::new(HTML, include_bytes!("pages/docs.html"))),
        ("/docs/docs.js", Asset::new(JS, include_bytes!("pages/docs.js"))),
        ("/docs/docs.css", Asset::new(CSS, include_bytes!("pages/docs.css"))),
        ("/docs/swagger-ui.css", Asset::new(CSS, swagger.css.as_bytes())),
        ("/docs/swagger-ui-bundle.js", Asset::new(JS, swagger.script.as_bytes())),
    ]
}

/// Swagger UI's own files, taken out of the page that poem-openapi bundles: that page has them inline, which a
/// strict Content-Security-Policy forbids.
struct SwaggerUi {
    css: String,
    script: String,
}

static SWAGGER_UI: LazyLock<SwaggerUi> = LazyLock::new(|| {
    struct Nothing;
    #[OpenApi]
    impl Nothing {}
    let page = OpenApiService::new(Nothing, "", "").swagger_ui_html();
    let between = |start: &str, end: &str| -> Option<String> {
        let from = page.find(start)? + start.len();
        let to = from + page[from..].find(end)?;
        Some(page[from..to].to_owned())
    };
    SwaggerUi {
        css: between("<style charset=\"UTF-8\">", "</style>\n    <script charset").unwrap_or_default(),
        script: between("<script charset=\"UTF-8\">", "</script>\n</head>").unwrap_or_default(),
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swagger_ui_is_found_in_the_bundled_page() {
        assert!(SWAGGER_UI.script.contains("SwaggerUIBundle"));
        assert!(SWAGGER_UI.script.len() > 500_000);
        assert!(SWAGGER_UI.css.contains(".swagger-ui"));
        assert!(!SWAGGER_UI.css.contains('<'));
    }
}
