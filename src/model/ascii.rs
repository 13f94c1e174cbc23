//! Short ASCII text on the stack, for values that are formatted on every request.

use std::{fmt, ops::Deref};

/// At most `N` ASCII bytes, held inline: an id, a time or a hash as text, without an allocation.
///
/// Unused bytes are zero, so that comparing whole values compares the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ascii<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Ascii<N> {
    pub(super) const fn new() -> Self {
        assert!(N <= u8::MAX as usize, "the length is kept in one byte");
        Self { bytes: [0; N], len: 0 }
    }

    /// Appends one byte. It must be ASCII and fit.
    pub(super) fn push(&mut self, byte: u8) {
        debug_assert!(byte.is_ascii());
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    /// Appends text. It must be ASCII and fit.
    pub(super) fn push_str(&mut self, text: &str) {
        debug_assert!(text.is_ascii());
        let start = usize::from(self.len);
        self.bytes[start..start + text.len()].copy_from_slice(text.as_bytes());
        self.len += text.len() as u8;
    }

    /// The bytes. Unlike [`Self::as_str`] this checks nothing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("only ASCII is ever pushed")
    }
}

impl<const N: usize> Deref for Ascii<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> fmt::Display for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_like_its_text() {
        let mut text = Ascii::<8>::new();
        text.push_str("ab");
        text.push(b'c');
        assert_eq!(format!("{text}|{text:>5}|{text:?}"), "abc|  abc|\"abc\"");
    }
}
