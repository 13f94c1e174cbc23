//! The few pages that the OAuth endpoints show themselves: plain HTML without scripts, every text escaped.

use poem::Response;
use poem::http::{StatusCode, header};

use crate::domain::oauth::Params;

/// Only the stylesheet is loaded, forms are sent to this origin, and no page frames it.
const CSP: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Explains an error for which the browser cannot be redirected to the app.
pub(super) fn failure(status: StatusCode, description: &str) -> Response {
    let body = format!(
        "<h1>This request cannot go on</h1>\n<p class=\"note\" role=\"alert\">{}.</p>\n\
         <p>Nothing was shared with the app. Go back to it and try again; if it happens again, send this message to \
         the publisher of the app.</p>",
        escape(description.trim_end_matches('.'))
    );
    page(status, "This request cannot go on", &body)
}

/// Asks for consent to sign out; the form returns `params`.
pub(super) fn confirm_logout(client: Option<&str>, csrf_token: &str, params: &Params) -> Response {
    let asks = match client {
        Some(client) => format!("<p>{} asks you to sign out here.</p>", escape(client)),
        None => "<p>An app asks you to sign out here.</p>".to_owned(),
    };
    let sent = params.iter().filter(|(name, _)| *name != "csrf_token");
    let hidden: String = sent.map(|(name, value)| hidden(name, value)).collect();
    let body = format!(
        "<h1>Sign out?</h1>\n{asks}\n<form method=\"post\" action=\"/oauth/logout\">\n{hidden}{}\
         <p class=\"row\"><button type=\"submit\">Sign out</button><a class=\"button\" href=\"/\">Stay signed in</a></p>\n</form>",
        self::hidden("csrf_token", csrf_token)
    );
    page(StatusCode::OK, "Sign out", &body)
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"/pages/page.css\">\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        escape(title)
    );
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_SECURITY_POLICY, CSP)
        .header(header::X_FRAME_OPTIONS, "DENY")
        .body(html)
}

/// Text that HTML shows as it is, also between quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_strangers_write_is_inert() {
        let evil = "<script>alert(1)</script>\"'&";
        let params = super::super::urlencoded::parse(b"state=%22%3E%3Cscript%3E&csrf_token=old").unwrap();
        for response in [failure(StatusCode::BAD_REQUEST, evil), confirm_logout(Some(evil), "token", &params)]
        {
            let html = response.into_body().into_string().await.unwrap();
            assert!(!html.contains("<script"), "{html}");
            assert!(html.contains("&lt;script&gt;"));
            assert!(!html.contains("old"));
        }
    }
}
