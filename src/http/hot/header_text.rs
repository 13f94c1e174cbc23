//! Header values written without detours.

use std::fmt::{self, Write};

use poem::http::HeaderValue;

/// Text for one header, on the stack. What does not fit is cut off; nothing that we write comes near.
pub(super) struct HeaderText<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> HeaderText<N> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    pub(super) fn push(mut self, text: &str) -> Self {
        let _ = self.write_str(text);
        self
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.append(&digits[at..]);
        self
    }

    /// A string of RFC 9651, section 3.3.3: quoted, and of printable ASCII only.
    pub(super) fn quoted(mut self, text: &str) -> Self {
        self.append(b"\"");
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.append(&[b'\\', byte]),
                b' '..=b'~' => self.append(&[byte]),
                _ => self.append(b"?"),
            }
        }
        self.append(b"\"");
        self
    }

    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes[..self.len]).unwrap_or(HeaderValue::from_static(""))
    }

    fn append(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(N - self.len);
        self.bytes[self.len..self.len + fits].copy_from_slice(&bytes[..fits]);
        self.len += fits;
    }
}

impl<const N: usize> fmt::Write for HeaderText<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes());
        Ok(())
    }
}

/// Any text as a header's value. UTF-8 travels as it is; control characters, which no header may hold, become `%XX`.
pub(super) fn value_of(text: &str) -> HeaderValue {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        return value;
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_ascii_control() {
            let _ = write!(safe, "%{:02X}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    HeaderValue::from_bytes(safe.as_bytes()).unwrap_or(HeaderValue::from_static(""))
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
