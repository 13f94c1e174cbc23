//! Syntax of audiences and path patterns.

/// Maximum length of an audience or path pattern, in characters.
const MAX_LENGTH: usize = 512;

type Validity = Result<(), &'static str>;

/// An absolute URI without a fragment (RFC 8707, section 2): `https://api.example.com`, `urn:example:api`.
pub(super) fn absolute_uri(text: &str) -> Validity {
    const HINT: &str = "Use an absolute URI without a fragment, for example https://api.example.com, of at most 512 characters.";
    let (scheme, rest) = text.split_once(':').ok_or(HINT)?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
    // RFC 3986, section 2: the characters of a URI, without the `#` that starts a fragment.
    let is_uri = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    let needs_host = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
    let has_host = rest.strip_prefix("//").is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    let fits = text.len() <= MAX_LENGTH && is_scheme && !rest.is_empty() && rest.bytes().all(is_uri);
    if fits && (!needs_host || has_host) { Ok(()) } else { Err(HINT) }
}

/// `/v1/queries`, `/v1/queries/{id}`, `/v1/*`: decoded segments; `{name}` matches one segment, a last `*` the rest.
///
/// # Errors
/// A sentence that says what is wrong with the pattern.
pub fn path_pattern(text: &str) -> Result<(), &'static str> {
    const HINT: &str =
        "Use a path like /v1/queries, /v1/queries/{id} or /v1/*, without //, dot segments, % ; ? or #.";
    let rest = text.strip_prefix('/').ok_or(HINT)?;
    if text.len() > MAX_LENGTH {
        return Err(HINT);
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let last = segments.len() - 1;
    for (at, segment) in segments.into_iter().enumerate() {
        let fits = match segment {
            // `/` itself, and a slash at the end.
            "" => at == last,
            "." | ".." => false,
            "*" => at == last,
            _ => is_variable(segment) || is_literal(segment),
        };
        if !fits {
            return Err(HINT);
        }
    }
    Ok(())
}

fn is_variable(segment: &str) -> bool {
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn is_literal(segment: &str) -> bool {
    segment.chars().all(|character| {
        !character.is_control() && !character.is_whitespace() && !"%;?#{}*\\".contains(character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_an_absolute_uri() {
        for right in
            ["https://api.example.com", "https://api.example.com/v1?x=1", "urn:example:api", "HTTP://x"]
        {
            assert!(absolute_uri(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "api",
            "/v1",
            "https:",
            "https://",
            "https:///x",
            "1a:b",
            "https://x/#",
            "https://x y",
            "a:ü",
            &format!("https://{}", "x".repeat(512)),
        ] {
            assert!(absolute_uri(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_pattern_is_in_its_normal_form() {
        for right in
            ["/", "/v1/queries", "/v1/queries/", "/v1/queries/{id}", "/v1/*", "/*", "/a.b/c~d", "/größe"]
        {
            assert!(path_pattern(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "v1",
            "//",
            "/v1//x",
            "/v1/../x",
            "/./x",
            "/v1/%2f",
            "/v1;x",
            "/v1?x",
            "/v1#x",
            "/*/x",
            "/v1/a*",
            "/v1/{id",
            "/v1/{}",
            "/v1/x{id}",
            "/v1/a b",
            "/v1\\x",
        ] {
            assert!(path_pattern(wrong).is_err(), "{wrong}");
        }
    }
}
