//! The path of a request that a proxy asks about, in the one form in which routes are matched.
//!
//! A gate and the service behind it must mean the same by a path. What services are known to read in two ways is
//! therefore not guessed at but refused.

use std::borrow::Cow;

/// A path after percent-decoding, with `//` and dot segments resolved (RFC 3986, section 5.2.4) and without a slash
/// at its end, `/` itself excepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'r>(Cow<'r, str>);

/// Why a path is refused, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestPathError(pub &'static str);

const NO_PATH: RequestPathError = RequestPathError("it does not begin with a slash");
const BROKEN: RequestPathError = RequestPathError("it has a percent sign that begins no escape");
const NOT_TEXT: RequestPathError = RequestPathError("its escapes do not spell UTF-8");
const TWICE: RequestPathError = RequestPathError("it is escaped twice");
const CONTROL: RequestPathError = RequestPathError("it has a control character");
const SLASH: RequestPathError = RequestPathError("it has an escaped slash");
/// What [`Api::route_to`](super::Api::route_to) finds.
pub(super) const TWOFOLD: RequestPathError =
    RequestPathError("another route rules it where a service leaves its dot segments or escapes as they are");
const AMBIGUOUS: RequestPathError =
    RequestPathError("it has a ; # or \\, which services read in different ways");

impl<'r> RequestPath<'r> {
    /// Reads the path of a URI as a proxy passes it on: `/v1/queries?limit=10`, or absolute.
    ///
    /// # Errors
    /// What services are known to read in two ways: an escaped slash, `;`, `#`, `\`, control characters, escapes
    /// that are broken or stand for another escape.
    pub fn of(uri: &'r str) -> Result<Self, RequestPathError> {
        let path = path_of(uri);
        if !path.starts_with('/') {
            return Err(NO_PATH);
        }
        let decoded = decode(path)?;
        if decoded.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(CONTROL);
        }
        if decoded.contains([';', '#', '\\']) {
            return Err(AMBIGUOUS);
        }
        Ok(Self(if is_normal(&decoded) { decoded } else { Cow::Owned(resolve(&decoded)) }))
    }

    /// What a service may take the path of the same URI for that leaves its dot segments, or also its escapes, as
    /// they are.
    pub(super) fn other_readings(uri: &'r str) -> impl Iterator<Item = Self> {
        let path = path_of(uri);
        let (has_escapes, has_dots) = (path.contains('%'), path.contains("/."));
        let dotted = (has_escapes || has_dots).then(|| decode(path).ok()).flatten();
        dotted.into_iter().chain(has_escapes.then_some(Cow::Borrowed(path))).map(Self)
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern of a route covers it: `/v1/queries`, `/v1/queries/{id}`, `/v1/*`. `{name}` stands for one
    /// segment; a last `*` for all that follows, nothing included, so that a rule about what lies below a path is
    /// also one about the path itself.
    pub fn matches(&self, pattern: &str) -> bool {
        let mut wanted = pattern.split('/').skip(1).peekable();
        let mut segments = self.segments();
        while let Some(want) = wanted.next() {
            match (want, segments.next()) {
                ("*", _) if wanted.peek().is_none() => return true,
                // The slash at a pattern's end.
                ("", None) if wanted.peek().is_none() => return true,
                (want, Some(segment)) if want == segment || want.starts_with('{') => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

/// Without scheme and host, if they are there (RFC 9112, section 3.2.2).
fn origin_form(uri: &str) -> &str {
    match uri.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => uri,
    }
}

fn path_of(uri: &str) -> &str {
    let path = origin_form(uri);
    &path[..path.find('?').unwrap_or(path.len())]
}

fn decode(path: &str) -> Result<Cow<'_, str>, RequestPathError> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (hex(rest.next()), hex(rest.next())) else { return Err(BROKEN) };
        match high << 4 | low {
            b'/' => return Err(SLASH),
            decoded => bytes.push(decoded),
        }
    }
    let is_escape =
        |window: &[u8]| window[0] == b'%' && hex(Some(window[1])).is_some() && hex(Some(window[2])).is_some();
    if bytes.windows(3).any(is_escape) {
        return Err(TWICE);
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| NOT_TEXT)
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn is_normal(path: &str) -> bool {
    path == "/" || path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."))
}

fn resolve(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<String, &'static str> {
        RequestPath::of(uri).map(|path| path.as_str().to_owned()).map_err(|error| error.0)
    }

    #[test]
    fn every_spelling_of_a_path_has_one_form() {
        for (uri, path) in [
            ("/", "/"),
            ("/v1/queries", "/v1/queries"),
            ("/v1/queries?limit=10&next=/a;b#c", "/v1/queries"),
            ("/v1/queries/", "/v1/queries"),
            ("//v1///queries//", "/v1/queries"),
            ("/v1/./queries/../queries", "/v1/queries"),
            ("/v1/%2e%2e/admin", "/admin"),
            ("/../../admin", "/admin"),
            ("/v1/%71ueries", "/v1/queries"),
            ("/v1/gr%C3%B6%C3%9Fe", "/v1/größe"),
            ("/a/50%25", "/a/50%"),
            ("https://api.example.com/v1/queries?x", "/v1/queries"),
            ("HTTPS://API.example.com", "/"),
        ] {
            assert_eq!(read(uri).as_deref(), Ok(path), "{uri}");
        }
    }

    #[test]
    fn what_services_read_in_two_ways_is_refused() {
        for (uri, why) in [
            ("", NO_PATH),
            ("*", NO_PATH),
            ("v1/queries", NO_PATH),
            ("?x", NO_PATH),
            ("/a/%2fadmin", SLASH),
            ("/a/..%2Fadmin", SLASH),
            ("/a%00", CONTROL),
            ("/a\u{7f}", CONTROL),
            ("/a%0d%0aX-Auth-Subject:x", CONTROL),
            ("/a;b", AMBIGUOUS),
            ("/a/..;/admin", AMBIGUOUS),
            ("/a%3bb", AMBIGUOUS),
            ("/a#b", AMBIGUOUS),
            ("/a%23", AMBIGUOUS),
            ("/a\\..\\admin", AMBIGUOUS),
            ("/a%5cadmin", AMBIGUOUS),
            ("/a%", BROKEN),
            ("/a%2", BROKEN),
            ("/a%zz", BROKEN),
            ("/a%252fadmin", TWICE),
            ("/a%25%32%66admin", TWICE),
            ("/a%ff", NOT_TEXT),
            ("/a%c0%afadmin", NOT_TEXT),
        ] {
            assert_eq!(read(uri), Err(why.0), "{uri}");
        }
    }

    #[test]
    fn a_pattern_covers_segments_and_a_star_the_rest() {
        let path = |uri| RequestPath::of(uri).unwrap();
        for (pattern, uri) in [
            ("/", "/"),
            ("/v1/queries", "/v1/queries/"),
            ("/v1/queries/", "/v1/queries"),
            ("/v1/queries/{id}", "/v1/queries/17"),
            ("/v1/queries/{id}/runs", "/v1/queries/17/runs"),
            ("/v1/*", "/v1"),
            ("/v1/*", "/v1/"),
            ("/v1/*", "/v1/a/b/c"),
            ("/*", "/"),
            ("/*", "/a"),
        ] {
            assert!(path(uri).matches(pattern), "{pattern} {uri}");
        }
        for (pattern, uri) in [
            ("/", "/a"),
            ("/v1/queries", "/v1"),
            ("/v1/queries", "/v1/queries/17"),
            ("/v1/queries", "/v1/Queries"),
            ("/v1/queries/{id}", "/v1/queries"),
            ("/v1/queries/{id}", "/v1/queries/17/runs"),
            ("/v1/*", "/v2"),
            ("/v1/*", "/v10/a"),
        ] {
            assert!(!path(uri).matches(pattern), "{pattern} {uri}");
        }
    }

    proptest::proptest! {
        /// What was read once reads as itself: nobody gains by writing a path in a second way.
        #[test]
        fn the_form_is_its_own_form(uri in "/[a-z%./2e]{0,24}") {
            if let Ok(path) = RequestPath::of(&uri) {
                proptest::prop_assert!(path.as_str().starts_with('/'));
                proptest::prop_assert!(is_normal(path.as_str()));
                if !path.as_str().contains('%') {
                    proptest::prop_assert_eq!(RequestPath::of(path.as_str()), Ok(path.clone()));
                }
            }
        }
    }
}
