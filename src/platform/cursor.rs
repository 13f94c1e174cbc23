//! Lists in pages. A cursor holds the position of the last entry of a page, signed together with the list and its
//! filters. A forged cursor, or one of another list, is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::vault::Vault;
use crate::error::{Code, Error, Result};

/// Entries of a page when the request gives no limit.
const DEFAULT_LIMIT: usize = 50;
/// Maximum number of entries of a page.
const MAX_LIMIT: usize = 200;
/// Bytes of the signature: 128 bits. A forged cursor can only select another position of the same list.
const MAC_BYTES: usize = 16;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// `cursor` of the next page; none for the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Page of `limit` entries. `rows` has one more if the list continues; `cursor` makes the cursor of the last entry.
    pub fn cut(mut rows: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(cursor) } else { None };
        Self { data: rows, next_cursor }
    }

    /// The same page with other entries.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

/// Number of entries of a page: the requested limit, or 50.
///
/// # Errors
/// `INVALID_REQUEST` outside 1–200.
pub fn limit(asked: Option<u32>) -> Result<usize> {
    let Some(asked) = asked else { return Ok(DEFAULT_LIMIT) };
    match usize::try_from(asked) {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(Error::invalid("limit", "Use a number from 1 to 200.")),
    }
}

/// Request for one page: reads the cursor, gives the number of rows to fetch, and makes the page.
pub struct List<'v, F> {
    vault: &'v Vault,
    name: &'static str,
    filters: F,
    limit: usize,
}

impl<'v, F: Serialize> List<'v, F> {
    /// Page of the list `name` under `filters` with `limit` entries, or 50.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a limit outside 1–200.
    pub fn new(vault: &'v Vault, name: &'static str, filters: F, limit: Option<u32>) -> Result<Self> {
        Ok(Self { vault, name, filters, limit: self::limit(limit)? })
    }

    /// Position after which the page starts; none for the first page.
    ///
    /// # Errors
    /// `INVALID_CURSOR`.
    pub fn position<P: DeserializeOwned>(&self, cursor: Option<&str>) -> Result<Option<P>> {
        cursor.map(|cursor| decode(self.vault, self.name, &self.filters, cursor)).transpose()
    }

    /// Number of rows to fetch: one more than the page has, to detect a further page.
    pub fn rows(&self) -> u32 {
        u32::try_from(self.limit).expect("a limit is at most 200") + 1
    }

    /// The page made of the fetched rows; `position` gives the position of its last entry.
    pub fn page<T, P: Serialize>(&self, rows: Vec<T>, position: impl FnOnce(&T) -> P) -> Page<T> {
        let cursor = |last: &T| encode(self.vault, self.name, &self.filters, &position(last));
        Page::cut(rows, self.limit, cursor)
    }
}

/// The cursor for `position` in `list` under `filters`.
pub fn encode(vault: &Vault, list: &str, filters: &impl Serialize, position: &impl Serialize) -> String {
    let mut bytes = json(position);
    let mac = sign(vault, list, filters, &bytes);
    bytes.extend_from_slice(&mac);
    BASE64.encode(bytes)
}

/// Decodes a cursor of [`encode`] for the same list and filters.
///
/// # Errors
/// `INVALID_CURSOR`.
pub fn decode<P: DeserializeOwned>(
    vault: &Vault,
    list: &str,
    filters: &impl Serialize,
    cursor: &str,
) -> Result<P> {
    let invalid = || {
        Error::new(
            Code::InvalidCursor,
            "This cursor belongs to another list or other filters; start again without one",
        )
    };
    let bytes = BASE64.decode(cursor).map_err(|_| invalid())?;
    let (position, given) =
        bytes.len().checked_sub(MAC_BYTES).map(|at| bytes.split_at(at)).ok_or_else(invalid)?;
    let right = sign(vault, list, filters, position);
    aws_lc_rs::constant_time::verify_slices_are_equal(&right, given).map_err(|_| invalid())?;
    serde_json::from_slice(position).map_err(|_| invalid())
}

fn sign(vault: &Vault, list: &str, filters: &impl Serialize, position: &[u8]) -> [u8; MAC_BYTES] {
    let mac = vault.mac("cursor", &[list.as_bytes(), &json(filters), position]);
    mac[..MAC_BYTES].try_into().expect("a MAC is longer")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("positions and filters are plain data")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::env::SeededRng;
    use crate::platform::vault::generate;

    fn vault(seed: u64) -> Vault {
        Vault::open(&generate(&SeededRng::new(seed))).unwrap()
    }

    proptest! {
        #[test]
        fn every_cursor_comes_back_and_serves_nothing_else(
            list in "[a-z]{1,12}", other_list in "[a-z]{1,12}",
            filters in any::<(Option<String>, i64)>(), other_filters in any::<(Option<String>, i64)>(),
            position in any::<(i64, Option<String>)>(),
        ) {
            let vault = vault(1);
            let cursor = encode(&vault, &list, &filters, &position);
            let read = |list: &str, filters: &(Option<String>, i64)| {
                decode::<(i64, Option<String>)>(&vault, list, filters, &cursor).map_err(|error| error.code)
            };
            prop_assert_eq!(read(&list, &filters), Ok(position.clone()));
            if (&list, &filters) != (&other_list, &other_filters) {
                prop_assert_eq!(read(&other_list, &other_filters), Err(Code::InvalidCursor));
            }
        }

        #[test]
        fn no_other_text_is_a_cursor(
            position in any::<i64>(), place in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]|\\PC", text in "\\PC*",
        ) {
            let vault = vault(1);
            let cursor = encode(&vault, "keys", &(), &position);
            let mut bent: Vec<String> = cursor.chars().map(String::from).collect();
            let at = place.index(bent.len());
            bent[at] = to;
            let mut others = vec![bent.concat(), text, format!("{cursor}A"), cursor[1..].to_owned()];
            others.retain(|other| *other != cursor);
            for other in others {
                let read = decode::<i64>(&vault, "keys", &(), &other).map_err(|error| error.code);
                prop_assert_eq!(read, Err(Code::InvalidCursor), "{}", other);
            }
        }
    }

    #[test]
    fn a_cursor_comes_back_for_its_own_list_and_filters_only() {
        let vault_one = vault(1);
        let cursor = encode(&vault_one, "keys", &("afdb", Some(7)), &42_i64);
        let read = |vault: &Vault, list: &str, filters: (&str, Option<i64>)| {
            decode::<i64>(vault, list, &filters, &cursor).map_err(|error| error.code)
        };
        assert_eq!(read(&vault_one, "keys", ("afdb", Some(7))), Ok(42));
        assert_eq!(read(&vault_one, "users", ("afdb", Some(7))), Err(Code::InvalidCursor));
        assert_eq!(read(&vault_one, "keys", ("afdb", None)), Err(Code::InvalidCursor));
        assert_eq!(read(&vault(2), "keys", ("afdb", Some(7))), Err(Code::InvalidCursor));
    }

    #[test]
    fn a_bent_cursor_is_refused_at_every_character() {
        let vault = vault(1);
        let cursor = encode(&vault, "keys", &(), &42_i64);
        for at in 0..cursor.len() {
            let mut bent = cursor.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert!(decode::<i64>(&vault, "keys", &(), &bent).is_err(), "{bent}");
            assert!(decode::<i64>(&vault, "keys", &(), &cursor[..at]).is_err());
        }
        for foreign in ["", "…", "null", "MA", "eyJubyI6MX0"] {
            let refused = decode::<i64>(&vault, "keys", &(), foreign).unwrap_err();
            assert_eq!(refused.code, Code::InvalidCursor);
        }
    }

    #[test]
    fn a_page_has_a_cursor_only_when_more_follows() {
        let cut = |count: u32| Page::cut((0..count).collect(), 3, |last| format!("after {last}"));
        assert_eq!(cut(3), Page { data: vec![0, 1, 2], next_cursor: None });
        assert_eq!(cut(4), Page { data: vec![0, 1, 2], next_cursor: Some("after 2".to_owned()) });
        assert_eq!(cut(0), Page { data: vec![], next_cursor: None });
    }

    #[test]
    fn limits_are_from_1_to_200() {
        assert_eq!(limit(None).unwrap(), 50);
        assert_eq!(limit(Some(200)).unwrap(), 200);
        for wrong in [0, 201, u32::MAX] {
            assert!(limit(Some(wrong)).unwrap_err().details.contains_key("limit"));
        }
    }
}
