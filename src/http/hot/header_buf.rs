//! Header values in one shared buffer: one allocation for all.

use std::fmt::Write as _;
use std::ops::Range;

use hyper::body::Bytes;
use poem::http::HeaderValue;

/// A buffer to which values are appended.
pub(super) struct HeaderBuf(Vec<u8>);

/// The values of a finished buffer.
pub(super) struct HeaderValues(Bytes);

/// The position of a value in the buffer.
pub(super) type Span = Range<usize>;

/// Initial size in bytes, enough for most responses.
const CAPACITY: usize = 256;

impl HeaderBuf {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(CAPACITY))
    }

    /// Appends a value.
    pub(super) fn value(&mut self, write: impl FnOnce(&mut Self)) -> Span {
        let start = self.0.len();
        write(self);
        start..self.0.len()
    }

    /// Appends text as a value.
    pub(super) fn text(&mut self, text: &str) -> Span {
        self.value(|buf| {
            buf.push(text);
        })
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    /// A string of RFC 9651, section 3.3.3: quoted, and of printable ASCII only.
    pub(super) fn quoted(&mut self, text: &str) -> &mut Self {
        self.0.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                b' '..=b'~' => self.0.push(byte),
                _ => self.0.push(b'?'),
            }
        }
        self.0.push(b'"');
        self
    }

    pub(super) fn finish(self) -> HeaderValues {
        HeaderValues(self.0.into())
    }
}

impl HeaderValues {
    /// One of the values, with UTF-8 unchanged.
    pub(super) fn get(&self, span: Span) -> HeaderValue {
        let bytes = self.0.slice(span);
        HeaderValue::from_maybe_shared(bytes.clone()).unwrap_or_else(|_| escaped(&bytes))
    }
}

/// Control characters are not allowed in header values: they become `%XX`.
fn escaped(bytes: &[u8]) -> HeaderValue {
    let mut safe = Vec::with_capacity(bytes.len() + 8);
    for byte in bytes {
        if byte.is_ascii_control() {
            safe.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            safe.push(*byte);
        }
    }
    HeaderValue::from_bytes(&safe).unwrap_or(HeaderValue::from_static(""))
}

/// JSON as one line of ASCII for a header value: other characters become `\u` escapes (RFC 8259, section 7).
pub(super) fn ascii_json(json: &str) -> HeaderValue {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if (' '..='~').contains(&character) {
            line.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
    }
    HeaderValue::from_str(&line).unwrap_or(HeaderValue::from_static("{}"))
}
