//! The writer's dictionary of strings that rows share.

use std::collections::HashMap;

use aws_lc_rs::digest;

use crate::store::{Conn, Error, Tx, activity as table};

/// Maximum length of a path or user agent, in characters.
pub const MAX_CHARS: usize = 256;
/// Capacity of the dictionary. A string that was evicted is written again, which costs only its bytes.
const REMEMBERED: usize = 8_192;

/// Number of a string, and its digest in the chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interned {
    pub(super) no: i64,
    pub(super) digest: TextDigest,
}

/// The first half of a text's SHA-256.
pub(super) type TextDigest = [u8; 16];

pub(super) fn digest_of(text: &str) -> TextDigest {
    let whole = digest::digest(&digest::SHA256, text.as_bytes());
    whole.as_ref()[..16].try_into().expect("a SHA-256 is longer")
}

/// Approximate bytes of a string on disk.
pub(super) fn text_bytes(text: &str) -> i64 {
    text.len() as i64 + 12
}

/// [`digest_of`] the text with this number, and its bytes on disk. A missing text has a digest that no text has, which
/// breaks its link.
pub(super) fn digest_of_no(conn: &Conn<'_>, no: i64) -> Result<(TextDigest, i64), Error> {
    Ok(table::string(conn, no)?.map_or(([0; 16], 0), |text| (digest_of(&text), text_bytes(&text))))
}

/// The first [`MAX_CHARS`] characters.
pub(super) fn cap(text: &str) -> &str {
    if text.len() <= MAX_CHARS {
        return text;
    }
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// Strings of one segment that are in the store, as far as they are cached.
#[derive(Default)]
pub(super) struct Strings {
    segment: i64,
    known: HashMap<Box<str>, Interned>,
    written_bytes: i64,
}

impl Strings {
    /// Number of `text` for a row of `segment`; writes it if it is new there.
    pub(super) fn intern(&mut self, tx: &mut Tx<'_>, segment: i64, text: &str) -> Result<Interned, Error> {
        let text = cap(text);
        if segment != self.segment || self.known.len() >= REMEMBERED {
            self.segment = segment;
            self.known.clear();
        }
        if let Some(&known) = self.known.get(text) {
            return Ok(known);
        }
        let interned = Interned { no: table::insert_string(tx, segment, text)?, digest: digest_of(text) };
        self.known.insert(text.into(), interned);
        self.written_bytes += text_bytes(text);
        Ok(interned)
    }

    /// Approximate bytes on disk of the strings written since the last call.
    pub(super) fn take_written_bytes(&mut self) -> i64 {
        std::mem::take(&mut self.written_bytes)
    }

    /// After a lost transaction the last strings may be missing.
    pub(super) fn forget(&mut self) {
        self.known = HashMap::new();
    }
}
