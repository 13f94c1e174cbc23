//! Logo of a client on the consent page: uploaded, never fetched.

use serde_json::json;

use super::{ensure_no_escalation, find, finish};
use crate::domain::identity::access::{Can, ClientsWrite};
use crate::error::{Code, Error, Result};
use crate::model::ClientId;
use crate::model::activity::Kind;
use crate::store;
use crate::store::{Conn, Tx};

/// Maximum size, in bytes.
pub const MAX_LOGO_BYTES: usize = 128 << 10;

/// Media type by the first bytes; none for unsupported types. SVG is not supported: it can contain scripts.
pub fn logo_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Logo of a client. The consent page shows it, so it is not secret.
///
/// # Errors
/// `NOT_FOUND` without a logo.
pub fn logo(conn: &Conn<'_>, id: ClientId) -> Result<Vec<u8>> {
    store::clients::logo(conn, id)?.ok_or_else(|| Error::not_found("logo"))
}

/// Sets or removes the logo of a client.
///
/// # Errors
/// `NOT_FOUND`; `FORBIDDEN` for an escalation; `UNSUPPORTED_MEDIA_TYPE` for anything but PNG, JPEG and WebP;
/// `TOO_LARGE` beyond 128 KiB.
pub fn set_logo(tx: &mut Tx<'_>, can: &Can<ClientsWrite>, id: ClientId, bytes: Option<&[u8]>) -> Result<()> {
    let client = find(tx, id)?;
    ensure_no_escalation(can, &client)?;
    if let Some(bytes) = bytes {
        if bytes.len() > MAX_LOGO_BYTES {
            return Err(Error::new(Code::TooLarge, "A logo has at most 128 KiB"));
        }
        if logo_type(bytes).is_none() {
            return Err(Error::new(Code::UnsupportedMediaType, "Send a PNG, JPEG or WebP picture"));
        }
    }
    store::clients::set_logo(tx, client.no, bytes, can.now)?;
    let detail = json!({ "logo": { "bytes": bytes.map(<[u8]>::len) } });
    finish(tx, can, Kind::ClientUpdated, &client, Some(Box::new(detail)))
}
