//! Differences that services ignore when they compare a path with a route. Each is the documented behaviour of some
//! router; a path is compared under all of them at once.

use std::borrow::Cow;

/// Extensions of scripts: the rest after such a segment is a path of its own (`PATH_INFO` of RFC 3875, section 4.1.5),
/// by which PHP frameworks route: `/index.php/v1/queries`.
const SCRIPTS: [&str; 10] =
    [".php", ".phtml", ".cgi", ".fcgi", ".pl", ".cfm", ".asp", ".aspx", ".ashx", ".jsp"];

/// Whether some service may read a decoded path as one that `pattern` covers.
pub(super) fn may_match(path: &str, pattern: &str) -> bool {
    let path = path.trim_end_matches('/');
    let pattern = pattern.trim_end_matches('/');
    let whole = path.strip_prefix('/').unwrap_or_default();
    if matches(whole, pattern) {
        return true;
    }
    // Few paths have a dot before their last slash.
    let mut rest = whole;
    while let Some((script, after)) = rest.split_once('/') {
        if is_script(script) && matches(after, pattern) {
            return true;
        }
        rest = after;
    }
    is_script(rest) && matches("", pattern)
}

fn matches(path: &str, pattern: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    let mut wanted = pattern.split('/').skip(1).peekable();
    while let Some(want) = wanted.next() {
        if want == "*" && wanted.peek().is_none() {
            return true;
        }
        let Some(segment) = segments.next() else { return false };
        let is_last = segments.peek().is_none();
        let is_same = want.starts_with('{')
            || same_letters(want, segment)
            || (is_last && has_extension_of(want, segment));
        if !is_same {
            return false;
        }
    }
    segments.next().is_none()
}

fn is_script(segment: &str) -> bool {
    segment.contains('.') && SCRIPTS.iter().any(|end| letters(segment).ends_with(end))
}

/// Whether `segment` is `name` with an extension, which Rails and Spring MVC read as the requested format.
fn has_extension_of(name: &str, segment: &str) -> bool {
    segment.contains('.')
        && letters(segment).strip_prefix(&*letters(name)).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether two segments differ only in what services may ignore.
pub(super) fn same_letters(one: &str, other: &str) -> bool {
    if is_plain(one) && is_plain(other) {
        return one.eq_ignore_ascii_case(other);
    }
    letters(one) == letters(other)
}

/// Only the case of its letters can differ.
fn is_plain(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_graphic()) && !segment.ends_with('.')
}

/// A segment without white space at its ends, dots at its end and combining marks, in one case, with full-width
/// characters as ASCII.
pub(super) fn letters(segment: &str) -> Cow<'_, str> {
    let segment = segment.trim_matches(|end: char| end.is_whitespace());
    let segment = segment.trim_end_matches(|end: char| end == '.' || end.is_whitespace()).trim_start();
    if segment.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(segment);
    }
    let is_mark = |character: &char| ('\u{300}'..='\u{36f}').contains(character);
    // Upper case first: it maps characters without a common lower case, such as the long s and the Kelvin sign.
    let folded = segment.chars().map(narrow).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Cow::Owned(folded.filter(|character| !is_mark(character)).collect())
}

/// The ASCII character of a full-width one (U+FF01 to U+FF5E).
fn narrow(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(character as u32 - 0xfee0).unwrap_or(character),
        '\u{3000}' => ' ',
        other => other,
    }
}
