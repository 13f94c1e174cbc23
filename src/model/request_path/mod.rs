//! The path of a described request, and its match with the pattern of a route.
//!
//! The proxy forwards the client's target unchanged, and the service parses it by its own rules. So paths are not
//! normalised: a path in its plain spelling is accepted, every other spelling is refused. Some services read even a
//! plain path as another route's, because they ignore case, a slash or an extension at the end; [`RequestPath::may_be`]
//! detects that.

mod loose;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

/// A path in its plain spelling: segments of RFC 3986, section 3.3, none of them empty (except after a slash at the
/// end), `.` or `..`, without `;`, and percent-encoded only where a character requires it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'r> {
    /// As received.
    raw: &'r str,
    /// Percent-decoded. It has the same segments, since encoded slashes are refused.
    decoded: Cow<'r, str>,
}

/// Reason for a refusal, as the rest of a sentence that starts with "The path is refused: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestPathError(pub &'static str);

const NOT_ORIGIN_FORM: RequestPathError =
    RequestPathError("the target must be a path that starts with one slash (RFC 9112, section 3.2.1)");
const FRAGMENT: RequestPathError = RequestPathError("the target has a #");
const EMPTY_SEGMENT: RequestPathError = RequestPathError("it has two slashes in a row");
const DOT_SEGMENT: RequestPathError = RequestPathError("it has a segment . or ..");
const PARAMETER: RequestPathError =
    RequestPathError("it has a ; or a form that some services read as parameters");
const CHARACTER: RequestPathError =
    RequestPathError("it has a character that must be percent-encoded in a path (RFC 3986, section 3.3)");
const BROKEN_ESCAPE: RequestPathError = RequestPathError("it has a percent sign that starts no escape");
const NEEDLESS_ESCAPE: RequestPathError =
    RequestPathError("it percent-encodes a letter, a digit or one of - . _ ~ (RFC 3986, section 6.2.2.2)");
const HIDDEN_DELIMITER: RequestPathError =
    RequestPathError("it percent-encodes a control character or one of / \\ ; ? #");
const WIDE_SLASH: RequestPathError =
    RequestPathError("it has a full-width slash, which Windows turns into a plain one");
const DOUBLE_ESCAPE: RequestPathError = RequestPathError("it is percent-encoded twice");
const NOT_UTF8: RequestPathError = RequestPathError("its escapes are not UTF-8");
const METHOD_OVERRIDE: RequestPathError =
    RequestPathError("its query names another method, which some services obey");

/// Query parameters that override the request's method in some services: Rails, Laravel, Symfony and WordPress read
/// `_method`, WAI `_method_override`, Google's APIs `$httpMethod`, Salesforce's `_HttpMethod`.
const METHOD_PARAMETERS: [&str; 5] =
    ["_method", "_method_override", "_httpmethod", "$httpmethod", "x-http-method-override"];

impl<'r> RequestPath<'r> {
    /// Parses the target of a request as a proxy describes it: a path and an optional query (RFC 9112, section 3.2.1).
    ///
    /// # Errors
    /// Everything that services are known to read in more than one way: other forms of the target, `//`, dot segments,
    /// parameters, `\`, encoded delimiters and control characters, needless, broken or double escapes.
    pub fn of(target: &'r str) -> Result<Self, RequestPathError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(NOT_ORIGIN_FORM);
        }
        if target.contains('#') {
            return Err(FRAGMENT);
        }
        check_characters(path)?;
        if path.contains("//") {
            return Err(EMPTY_SEGMENT);
        }
        if names_method(query) {
            return Err(METHOD_OVERRIDE);
        }
        let decoded = decode(path)?;
        decoded.split('/').try_for_each(check_segment)?;
        Ok(Self { raw: path, decoded })
    }

    /// The path, percent-decoded.
    pub fn as_str(&self) -> &str {
        &self.decoded
    }

    /// Whether the pattern of a route covers it: `/v1/queries`, `/v1/queries/{id}`, `/v1/*`. `{name}` matches one
    /// segment; a last `*` matches the rest, which may be empty, so that a rule for the paths below also covers the
    /// path itself. A slash at the end counts, and so does case unless `ignore_case`.
    pub fn matches(&self, pattern: &str, ignore_case: bool) -> bool {
        let mut segments = self.raw.split('/').zip(self.decoded.split('/')).skip(1);
        let mut wanted = pattern.split('/').skip(1).peekable();
        while let Some(want) = wanted.next() {
            let is_last = wanted.peek().is_none();
            match (want, segments.next()) {
                ("*", _) if is_last => return true,
                (want, Some((raw, decoded))) if covers(want, raw, decoded, ignore_case) => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// Whether some service may read it as a path that the pattern covers: a service that ignores case, a slash or an
    /// extension at the end, or white space, or that routes by the rest after the name of a script.
    pub fn may_be(&self, pattern: &str) -> bool {
        loose::may_match(&self.decoded, pattern)
    }
}

/// Whether a segment of a pattern covers a segment of a path.
fn covers(want: &str, raw: &str, decoded: &str, ignore_case: bool) -> bool {
    if want.starts_with('{') {
        return !decoded.is_empty();
    }
    // ASCII case only: other case folding is checked by `may_be`.
    let is_same = if ignore_case { want.eq_ignore_ascii_case(decoded) } else { want == decoded };
    // `/docs%3Asearch` is not the plain spelling of `/docs:search`: some services distinguish them.
    is_same && !has_needless_escape(raw)
}

/// Whether a character is encoded that a segment may contain unencoded (`sub-delims`, `:` and `@`).
fn has_needless_escape(segment: &str) -> bool {
    let mut escapes = segment.split('%').skip(1);
    escapes.any(|rest| byte_of(rest.as_bytes()).is_some_and(|byte| b"!$&'()*+,=:@".contains(&byte)))
}

/// `pchar` of RFC 3986, section 3.3, without `;`, and the slash between segments.
fn check_characters(path: &str) -> Result<(), RequestPathError> {
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
            b'/' | b'-' | b'.' | b'_' | b'~' | b'%' => {}
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@' => {}
            b';' => return Err(PARAMETER),
            _ => return Err(CHARACTER),
        }
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), RequestPathError> {
    if is_dots(segment) {
        return Err(DOT_SEGMENT);
    }
    if segment.contains(['\u{ff0f}', '\u{ff3c}']) {
        return Err(WIDE_SLASH);
    }
    // ASP.NET removes `(S(…))` from the path (cookieless sessions); NTFS reads `name:$stream` as `name`.
    let is_session = segment.starts_with('(') && segment.ends_with("))");
    if is_session || segment.contains(":$") {
        return Err(PARAMETER);
    }
    Ok(())
}

/// Whether it has only dots and white space: `..`, `. .`, also in full width. Windows ignores white space.
fn is_dots(segment: &str) -> bool {
    segment.contains(['.', '\u{ff0e}'])
        && segment.chars().all(|character| matches!(character, '.' | '\u{ff0e}') || character.is_whitespace())
}

fn names_method(query: &str) -> bool {
    query.contains(['_', '%', '$', '-'])
        && query.split(['&', ';']).any(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            let name = String::from_utf8_lossy(&decode_leniently(name)).trim().to_ascii_lowercase();
            METHOD_PARAMETERS.contains(&name.split('[').next().unwrap_or_default())
        })
}

fn decode(path: &str) -> Result<Cow<'_, str>, RequestPathError> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let decoded = byte_of(after).ok_or(BROKEN_ESCAPE)?;
        rest = &after[2..];
        match decoded {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                return Err(NEEDLESS_ESCAPE);
            }
            b'/' | b'\\' | b';' | b'?' | b'#' => return Err(HIDDEN_DELIMITER),
            // `%25` must be a percent sign that starts no escape, also for a service that decodes twice.
            b'%' if byte_of(rest).is_some() || rest.starts_with(b"%") || starts_unicode_escape(rest) => {
                return Err(DOUBLE_ESCAPE);
            }
            decoded => bytes.push(decoded),
        }
    }
    let decoded = String::from_utf8(bytes).map_err(|_| NOT_UTF8)?;
    if decoded.chars().any(char::is_control) {
        return Err(HIDDEN_DELIMITER);
    }
    Ok(Cow::Owned(decoded))
}

/// `%u002f`, which IIS reads as a slash.
fn starts_unicode_escape(rest: &[u8]) -> bool {
    matches!(rest, [b'u' | b'U', digits @ ..] if byte_of(digits).is_some())
}

/// The byte of two hexadecimal digits.
fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits.first()?)? << 4 | digit(digits.get(1)?)?)
}

/// Lenient percent-decoding, for inspection only: broken escapes are kept.
fn decode_leniently(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match byte_of(after) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(bytes)
}
