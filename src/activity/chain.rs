//! Tamper evidence: each link signs its rows and the previous link, with a key that is not in the file.
//!
//! A chain inside the file cannot detect rows removed from its end, or an old copy of the whole file. Every other
//! change, removal or addition breaks a link.

use aws_lc_rs::digest::{Context, SHA256};

use super::strings::{TextDigest, digest_of_no};
use crate::model::Timestamp;
use crate::model::activity::Stream;
use crate::platform::vault::Signer;
use crate::store::activity::Stored;
use crate::store::activity_links as table;
use crate::store::activity_links::Link;
use crate::store::{Conn, Error, Tx};

/// Maximum age of a link.
const MILLIS_PER_LINK: i64 = 1_000;
/// Tolerated decrease of `at` between rows before the clock counts as set back: slow requests are logged at their end,
/// and counted refusals after their minute, with the time at which they began.
pub(super) const SLACK_MILLIS: i64 = 120_000;
/// Bytes of a row on disk without its texts: the row and its index entry.
const ROW_BYTES: i64 = 90;

/// The open link.
pub(super) struct Chain {
    stream: Stream,
    /// The last row that was fed.
    pub(super) last_no: i64,
    /// A link ends after this many rows.
    rows_per_link: u32,
    previous: [u8; 32],
    first_no: i64,
    rows: Context,
    /// Rows of unidentified callers are hashed separately, so that retention can remove them alone.
    unidentified: Context,
    unidentified_rows: i64,
    unidentified_bytes: i64,
    count: u32,
    bytes: i64,
    /// Time of its first row.
    since: Timestamp,
    /// Latest `at` since the clock was set back; none before the first row.
    latest: Option<Timestamp>,
}

impl Chain {
    /// A chain that continues after `last`, or begins.
    pub(super) fn after(last: Option<&Link>, rows_per_link: u32) -> Self {
        let no = last.map_or(0, |link| link.no);
        Self {
            stream: last.map_or(Stream::ONLY, |link| link.stream),
            last_no: no,
            rows_per_link,
            previous: last.and_then(|link| link.mac.as_slice().try_into().ok()).unwrap_or([0; 32]),
            first_no: no + 1,
            rows: hash(),
            unidentified: hash(),
            unidentified_rows: 0,
            unidentified_bytes: 0,
            count: 0,
            bytes: 0,
            since: Timestamp::MIN,
            latest: last.map(|link| link.max_at),
        }
    }

    /// Adds the next row. Writes the link when it is full or when the clock was set back: times do not decrease within
    /// a link or a run.
    pub(super) fn feed(
        &mut self,
        tx: &mut Tx<'_>,
        signer: &Signer,
        now: Timestamp,
        row: &Row<'_>,
    ) -> Result<(), Error> {
        let at = row.stored.at;
        if self.latest.is_some_and(|latest| latest.millis_since(at) > SLACK_MILLIS) {
            self.close(tx, signer)?;
            table::insert_run(tx, row.stored.no)?;
            self.latest = None;
        }
        if self.count == 0 {
            self.since = now;
        }
        self.latest = self.latest.max(Some(at));
        self.last_no = row.stored.no;
        self.count += 1;
        self.bytes += row.bytes();
        if row.stored.identified {
            row.digest(&mut self.rows);
        } else {
            row.digest(&mut self.unidentified);
            self.unidentified_rows += 1;
            self.unidentified_bytes += row.bytes();
        }
        if self.count == self.rows_per_link {
            self.close(tx, signer)?;
        }
        Ok(())
    }

    /// Whether the open link is old enough to be written.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back does not delay a link.
        self.count > 0 && !(0..MILLIS_PER_LINK).contains(&now.millis_since(self.since))
    }

    /// Writes the link if it has rows.
    pub(super) fn close(&mut self, tx: &mut Tx<'_>, signer: &Signer) -> Result<(), Error> {
        let Some(max_at) = self.latest.filter(|_| self.count > 0) else { return Ok(()) };
        let mut link = Link {
            no: self.last_no,
            stream: self.stream,
            max_at,
            bytes: self.bytes,
            unidentified_rows: self.unidentified_rows,
            unidentified_bytes: self.unidentified_bytes,
            mac: Vec::new(),
            removed: None,
            anchor: None,
        };
        let rows = std::mem::replace(&mut self.rows, hash()).finish();
        let unidentified = std::mem::replace(&mut self.unidentified, hash()).finish();
        let mac = sign(signer, &self.previous, self.first_no, &link, (rows.as_ref(), unidentified.as_ref()));
        link.mac = mac.to_vec();
        table::insert(tx, &link)?;
        (self.previous, self.first_no, self.count, self.bytes) = (mac, self.last_no + 1, 0, 0);
        (self.unidentified_rows, self.unidentified_bytes) = (0, 0);
        Ok(())
    }
}

/// Signature of a link over the rows from `first_no` on: the hash of the rows of identified callers and the hash of the
/// others.
pub(super) fn sign(
    signer: &Signer,
    previous: &[u8; 32],
    first_no: i64,
    link: &Link,
    (rows, unidentified): (&[u8], &[u8]),
) -> [u8; 32] {
    let counts = [link.bytes, link.unidentified_rows, link.unidentified_bytes];
    let numbers = [link.stream.no(), first_no, link.no, link.max_at.millis()].map(i64::to_le_bytes);
    let counts = counts.map(i64::to_le_bytes);
    signer.mac(&[b"link", previous, numbers.as_flattened(), counts.as_flattened(), rows, unidentified])
}

/// Signature of retention for the removal of everything up to `link`.
pub(super) fn sign_anchor(signer: &Signer, link: &Link) -> [u8; 32] {
    signer.mac(&[b"anchor", &link.stream.no().to_le_bytes(), &link.no.to_le_bytes(), &link.mac])
}

/// Replacement of the unidentified rows of `link` after retention removed them: their hash, signed by retention.
pub(super) fn sign_removal(signer: &Signer, link: &Link, unidentified: &[u8]) -> Vec<u8> {
    let mac = signer.mac(&[b"removed", &link.no.to_le_bytes(), &link.mac, unidentified]);
    [unidentified, &mac].concat()
}

/// Hash of the unidentified rows of `link` if retention removed them; otherwise none.
pub(super) fn removed_hash<'l>(signer: &Signer, link: &'l Link) -> Option<&'l [u8]> {
    let removed = link.removed.as_deref()?;
    let hash = removed.get(..SHA256.output_len())?;
    (sign_removal(signer, link, hash) == removed).then_some(hash)
}

/// Digest of a sequence of rows.
pub(super) fn hash() -> Context {
    Context::new(&SHA256)
}

/// A row in the form that is hashed: numbers as stored, texts by their digests.
pub(super) struct Row<'r> {
    pub(super) stored: &'r Stored,
    pub(super) path: Option<TextDigest>,
    pub(super) agent: Option<TextDigest>,
    /// Bytes on disk of texts that only this row has; not signed.
    pub(super) text_bytes: i64,
}

impl<'r> Row<'r> {
    /// A stored row.
    pub(super) fn read(conn: &Conn<'_>, stored: &'r Stored) -> Result<Self, Error> {
        let text = |no: Option<i64>| no.map(|no| digest_of_no(conn, no)).transpose();
        let (path, agent) = (text(stored.path_no)?, text(stored.agent_no)?);
        let text_bytes = path.map_or(0, |path| path.1) + agent.map_or(0, |agent| agent.1);
        Ok(Self { stored, path: path.map(|path| path.0), agent: agent.map(|agent| agent.0), text_bytes })
    }
}

impl Row<'_> {
    /// Feeds every field of the row: a bit per field, then the fields, all of fixed length but the last.
    pub(super) fn digest(&self, into: &mut Context) {
        let row = self.stored;
        let mut text = [0_u8; 256];
        let mut writer = Writer { bytes: &mut text, length: 4, present: 0 };
        writer.fixed(&row.stream.no().to_le_bytes());
        writer.fixed(&row.no.to_le_bytes());
        writer.fixed(&row.at.millis().to_le_bytes());
        writer.fixed(&[row.kind.number(), row.outcome.number(), row.reason.number()]);
        for no in [
            row.api_no,
            row.key_no,
            row.user_no,
            row.client_no,
            row.grant_no,
            row.session_no,
            row.by_key_no,
            row.by_user_no,
        ] {
            writer.field(no.map(i64::to_le_bytes));
        }
        match row.ip {
            Some(std::net::IpAddr::V4(ip)) => {
                writer.field(Some(ip.octets()));
                writer.field(None::<[u8; 16]>);
            }
            ip => {
                writer.field(None::<[u8; 4]>);
                writer.field(ip.map(|ip| match ip {
                    std::net::IpAddr::V6(ip) => ip.octets(),
                    std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                }));
            }
        }
        writer.field(row.method.map(|method| [method.number()]));
        writer.field(self.path);
        writer.field(self.agent);
        writer.field(row.took_us.map(u32::to_le_bytes));
        writer.field(row.request_id.map(crate::model::RequestId::to_bytes));
        writer.field(row.count.map(u32::to_le_bytes));
        let detail = row.detail.as_deref().unwrap_or_default();
        writer.field(row.detail.as_ref().map(|_| (detail.len() as u64).to_le_bytes()));
        let (length, present) = (writer.length, writer.present);
        text[..4].copy_from_slice(&present.to_le_bytes());
        into.update(&text[..length]);
        into.update(detail.as_bytes());
    }

    pub(super) fn bytes(&self) -> i64 {
        ROW_BYTES + self.text_bytes + self.stored.detail.as_ref().map_or(0, |detail| detail.len() as i64)
    }
}

/// Collects the fields of a row, so that they are hashed in one call.
struct Writer<'b> {
    bytes: &'b mut [u8; 256],
    length: usize,
    /// One bit per field: whether the row has it.
    present: u32,
}

impl Writer<'_> {
    fn fixed(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn field<const N: usize>(&mut self, bytes: Option<[u8; N]>) {
        self.present <<= 1;
        if let Some(bytes) = bytes {
            self.present |= 1;
            self.fixed(&bytes);
        }
    }
}
