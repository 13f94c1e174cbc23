//! The chain that shows tampering: each link signs its rows and the link before, under a key that is not in the file.
//!
//! Whoever edits the file can remove rows from its end, or put an old copy of the whole file back, and no chain inside
//! the file can tell; everything else that is changed, removed or added breaks a link.

use aws_lc_rs::digest::{Context, SHA256};

use super::strings::{TextDigest, digest_of_no};
use crate::model::Timestamp;
use crate::platform::vault::Signer;
use crate::store::activity::Stored;
use crate::store::activity_links as table;
use crate::store::activity_links::Link;
use crate::store::{Conn, Error, Tx};

/// A link ends after this time, or when it is full.
const MILLIS_PER_LINK: i64 = 1_000;
/// How far `at` may fall from row to row before it counts as a clock that was set back: slow requests are logged when
/// they end, and counted refusals when their minute is over, with the time at which they began.
pub(super) const SLACK_MILLIS: i64 = 120_000;
/// What a row takes on disk without its texts: itself and its entry in the index.
const ROW_BYTES: i64 = 90;

/// The link that is being made.
pub(super) struct Chain {
    /// The last row that was fed.
    pub(super) last_no: i64,
    /// A link ends after this many rows.
    rows_per_link: u32,
    previous: [u8; 32],
    first_no: i64,
    rows: Context,
    /// Rows that no identified caller is behind are signed apart, so that retention can remove them alone.
    unidentified: Context,
    unidentified_rows: i64,
    unidentified_bytes: i64,
    count: u32,
    bytes: i64,
    /// When its first row was fed.
    since: Timestamp,
    /// The latest `at` since the clock was set back; none before the first row.
    latest: Option<Timestamp>,
}

impl Chain {
    /// A chain that goes on after `last`, or begins.
    pub(super) fn after(last: Option<&Link>, rows_per_link: u32) -> Self {
        let no = last.map_or(0, |link| link.no);
        Self {
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

    /// Takes up the next row. A full link is written, and so is one that a clock set back ends: within a link and
    /// within a run times do not fall.
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

    /// Whether a link waits that is old enough.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back makes no link wait for longer.
        self.count > 0 && !(0..MILLIS_PER_LINK).contains(&now.millis_since(self.since))
    }

    /// Writes the link, if it has any rows.
    pub(super) fn close(&mut self, tx: &mut Tx<'_>, signer: &Signer) -> Result<(), Error> {
        let Some(max_at) = self.latest.filter(|_| self.count > 0) else { return Ok(()) };
        let mut link = Link {
            no: self.last_no,
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

/// The signature of a link over the rows from `first_no` on, by the hashes of its rows: those of identified callers,
/// and the others.
pub(super) fn sign(
    signer: &Signer,
    previous: &[u8; 32],
    first_no: i64,
    link: &Link,
    (rows, unidentified): (&[u8], &[u8]),
) -> [u8; 32] {
    let counts = [link.bytes, link.unidentified_rows, link.unidentified_bytes];
    let numbers = [first_no, link.no, link.max_at.millis()].map(i64::to_le_bytes);
    let counts = counts.map(i64::to_le_bytes);
    signer.mac(&[b"link", previous, numbers.as_flattened(), counts.as_flattened(), rows, unidentified])
}

/// What retention signs when it removes everything up to `link`.
pub(super) fn sign_anchor(signer: &Signer, link: &Link) -> [u8; 32] {
    signer.mac(&[b"anchor", &link.no.to_le_bytes(), &link.mac])
}

/// Replacement of the unidentified rows of `link` once retention has removed them: their hash, and a signature that
/// it was retention.
pub(super) fn sign_removal(signer: &Signer, link: &Link, unidentified: &[u8]) -> Vec<u8> {
    let mac = signer.mac(&[b"removed", &link.no.to_le_bytes(), &link.mac, unidentified]);
    [unidentified, &mac].concat()
}

/// Hash of the unidentified rows of `link` that retention has removed; none if it has not.
pub(super) fn removed_hash<'l>(signer: &Signer, link: &'l Link) -> Option<&'l [u8]> {
    let removed = link.removed.as_deref()?;
    let hash = removed.get(..SHA256.output_len())?;
    (sign_removal(signer, link, hash) == removed).then_some(hash)
}

/// Digest of rows one after the other.
pub(super) fn hash() -> Context {
    Context::new(&SHA256)
}

/// A row as the chain sees it: numbers as stored, texts by their digests.
pub(super) struct Row<'r> {
    pub(super) stored: &'r Stored,
    pub(super) path: Option<TextDigest>,
    pub(super) agent: Option<TextDigest>,
    /// What its texts take on disk, where they are its own; not signed.
    pub(super) text_bytes: i64,
}

impl<'r> Row<'r> {
    /// A row that the store has.
    pub(super) fn read(conn: &Conn<'_>, stored: &'r Stored) -> Result<Self, Error> {
        let text = |no: Option<i64>| no.map(|no| digest_of_no(conn, no)).transpose();
        let (path, agent) = (text(stored.path_no)?, text(stored.agent_no)?);
        let text_bytes = path.map_or(0, |path| path.1) + agent.map_or(0, |agent| agent.1);
        Ok(Self { stored, path: path.map(|path| path.0), agent: agent.map(|agent| agent.0), text_bytes })
    }
}

impl Row<'_> {
    /// Feeds everything that the row says: which fields it has, then the fields, all of fixed length but the last.
    pub(super) fn digest(&self, into: &mut Context) {
        let row = self.stored;
        let mut text = [0_u8; 256];
        let mut writer = Writer { bytes: &mut text, length: 4, present: 0 };
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

/// Collects a row's fields so that they are hashed in one go.
struct Writer<'b> {
    bytes: &'b mut [u8; 256],
    length: usize,
    /// One bit for each field: whether the row has it.
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
