//! The API reference: Swagger UI, from the binary.

use std::sync::LazyLock;

use poem_openapi::{OpenApi, OpenApiService};

use super::assets::{Asset, CSS, HTML, JS, Later, SVG};

/// Paths and files of the API reference.
pub(super) fn files() -> Vec<(String, Asset)> {
    let files = [
        ("/docs", Asset::new(HTML, &include_bytes!("pages/docs.html")[..])),
        ("/docs/docs.js", Asset::new(JS, &include_bytes!("pages/docs.js")[..])),
        ("/docs/docs.css", Asset::new(CSS, &include_bytes!("pages/docs.css")[..])),
        ("/docs/icon.svg", Asset::new(SVG, &include_bytes!("pages/icon.svg")[..])),
        ("/docs/oauth2-redirect.html", Asset::new(HTML, &include_bytes!("pages/oauth2-redirect.html")[..])),
        ("/docs/oauth2-redirect.js", Asset::new(JS, &include_bytes!("pages/oauth2-redirect.js")[..])),
    ];
    files.into_iter().map(|(path, asset)| (path.to_owned(), asset)).collect()
}

/// Paths and files of Swagger UI itself.
pub(super) fn large_files() -> [(&'static str, Later); 2] {
    [
        ("/docs/swagger-ui.css", Later::new(|| Asset::new(CSS, SWAGGER_UI.css.as_bytes()))),
        ("/docs/swagger-ui-bundle.js", Later::new(|| Asset::new(JS, SWAGGER_UI.script.as_bytes()))),
    ]
}

/// Files of Swagger UI, extracted from the page that poem-openapi bundles: that page has them inline, which a
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
        assert!(!SWAGGER_UI.css.contains("<script"));
    }
}
