//! The dashboard, as the build in `ui/` left it. Where it was not built, a plain page says what answers here.

use std::borrow::Cow;

use rust_embed::RustEmbed;

use super::assets::{Asset, CSS, HTML, JS, SVG};
use crate::model::setting::Settings;

#[derive(RustEmbed)]
#[folder = "ui/dist"]
#[exclude = ".*"]
#[allow_missing = true]
struct Built;

/// Paths of the dashboard's pages; the browser finds out which one is meant. Every other unknown path is 404.
const PAGES: [&str; 22] = [
    "/",
    "/keys",
    "/keys/:id",
    "/activity",
    "/apis",
    "/apis/:id",
    "/apps",
    "/apps/:id",
    "/team",
    "/signing-keys",
    "/settings",
    "/account",
    "/sign-in",
    "/sign-up",
    "/setup",
    "/confirm",
    "/invitation",
    "/forgotten-password",
    "/reset-password",
    "/verify-email",
    "/consent",
    "/signed-out",
];

/// Paths and files of the dashboard, and the stylesheet of the pages that need no script.
pub(super) fn files(settings: &Settings) -> Vec<(String, Asset)> {
    let style = Asset::new(CSS, &include_bytes!("pages/page.css")[..]);
    let mut files = vec![("/pages/page.css".to_owned(), style)];
    let Some(index) = Built::get("index.html") else {
        files.push(("/".to_owned(), Asset::new(HTML, &include_bytes!("pages/index.html")[..])));
        return files;
    };
    let page = Asset::new(HTML, with_instance(&index.data, settings));
    files.extend(PAGES.into_iter().map(|path| (path.to_owned(), page.clone())));
    files.extend(Built::iter().filter_map(|name| Some((format!("/{name}"), file(&name)?))));
    files
}

/// A file beside its compressed forms; none for those forms themselves and for the page.
fn file(name: &str) -> Option<Asset> {
    let content_type = match name.rsplit_once('.')?.1 {
        "js" => JS,
        "css" => CSS,
        "svg" => SVG,
        _ => return None,
    };
    let bytes = |suffix: &str| Built::get(&format!("{name}{suffix}")).map(|file| file.data);
    let asset =
        Asset::new(content_type, bytes("")?).compressed("br", bytes(".br")).compressed("gzip", bytes(".gz"));
    Some(if name.starts_with("assets/") { asset.immutable() } else { asset })
}

/// The page with the facts of the instance that it needs before its first request.
fn with_instance(page: &[u8], settings: &Settings) -> Vec<u8> {
    let meta = |name: &str, value: &str| {
        format!("<meta name=\"keywright-{name}\" content=\"{}\">\n", escaped(value))
    };
    let known = [
        meta("organization", &settings.organization),
        meta("signup", settings.signup.as_str()),
        meta("public-url", &settings.public_url),
    ];
    String::from_utf8_lossy(page).replacen("</head>", &format!("{}</head>", known.concat()), 1).into_bytes()
}

/// `text` inside a quoted attribute.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '"', '<', '>']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::setting::Signup;

    fn settings() -> Settings {
        Settings {
            public_url: "https://auth.example.com".to_owned(),
            local_url: "http://127.0.0.1:8080".to_owned(),
            organization: "\"><script>alert(1)</script>&".to_owned(),
            signup: Signup::Open,
            default_api: "keywright".to_owned(),
            access_token_seconds: 3600,
            refresh_grace_seconds: 30,
            refresh_max_seconds: 2_592_000,
            session_idle_seconds: 86_400,
            hsts_subdomains: false,
            registration_api: None,
        }
    }

    #[test]
    fn pages_without_scripts_have_their_style() {
        let paths: Vec<String> = files(&settings()).into_iter().map(|(path, _)| path).collect();
        assert!(paths.iter().any(|path| path == "/pages/page.css"), "{paths:?}");
        assert!(paths.iter().any(|path| path == "/"), "{paths:?}");
    }

    #[test]
    fn names_are_inert_in_the_page() {
        let page = with_instance(b"<head><title>x</title></head>", &settings());
        let page = String::from_utf8(page).expect("UTF-8");
        assert!(page.contains("content=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\""), "{page}");
        assert!(page.contains("<meta name=\"keywright-signup\" content=\"open\">"));
        assert_eq!(page.matches("<script").count(), 0);
    }
}
