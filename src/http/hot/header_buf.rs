//! Header values written one after the other into one buffer that they share: one allocation instead of one each.

use std::fmt::Write as _;
use std::ops::Range;

use hyper::body::Bytes;
use poem::http::HeaderValue;

/// The values being written.
pub(super) struct Sheet(Vec<u8>);

/// The values, ready to be handed out.
pub(super) struct Values(Bytes);

/// Which value.
pub(super) type Place = Range<usize>;

/// What the values of one answer usually take, in bytes.
const USUAL: usize = 256;

impl Sheet {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(USUAL))
    }

    /// Writes one value.
    pub(super) fn value(&mut self, write: impl FnOnce(&mut Self)) -> Place {
        let start = self.0.len();
        write(self);
        start..self.0.len()
    }

    /// Writes one value that is text already.
    pub(super) fn text(&mut self, text: &str) -> Place {
        self.value(|sheet| {
            sheet.push(text);
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

    pub(super) fn finish(self) -> Values {
        Values(self.0.into())
    }
}

impl Values {
    /// One of the values; UTF-8 travels as it is.
    pub(super) fn get(&self, place: Place) -> HeaderValue {
        let bytes = self.0.slice(place);
        HeaderValue::from_maybe_shared(bytes.clone()).unwrap_or_else(|_| escaped(&bytes))
    }
}

/// Control characters, which no header may hold, as `%XX`.
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

/// JSON on one line of ASCII, since headers are no place for more: the rest becomes `\u` escapes (RFC 8259, section 7).
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
