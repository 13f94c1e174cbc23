//! Verification of the chain: detects rows that were changed or removed.

use std::collections::HashMap;

use super::chain::{Row, hash, removed_hash, sign, sign_anchor};
use super::strings::{TextDigest, digest_of_no};
use super::{CHAIN, Services, table};
use crate::error::Result;
use crate::platform::vault::Signer;
use crate::store::activity_links as links;
use crate::store::activity_links::Link;
use crate::store::{Error as DbError, Reader};

/// Result of [`verify_chain`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// Links that verify.
    pub links: u64,
    /// Rows under them.
    pub rows: u64,
    /// Rows after the last link: those of the last second, and after a crash those until the next start.
    pub unlinked_rows: u64,
    /// The first link that does not verify; later ones were not examined.
    pub bad: Option<BadLink>,
}

/// A link that does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLink {
    /// Its first row.
    pub first_no: i64,
    /// Its last row.
    pub last_no: i64,
    /// The fault.
    pub fault: Fault,
}

/// Fault of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its rows, their texts or the link itself were changed, or it does not follow the previous link.
    Changed,
    /// Number of missing rows.
    RowsMissing(i64),
    /// A row has a value that Keywright never writes.
    Unreadable,
    /// It claims that retention removed rows, but retention did not sign it.
    NotRetention,
}

/// Verifies the whole log in one committed state of the store; one to two seconds per million rows.
pub async fn verify_chain(services: &Services) -> Result<ChainReport> {
    services.log.flush(&services.db).await?;
    let signer = services.vault.signer(CHAIN);
    Ok(services.read(move |reader| Verifier { reader, signer, texts: HashMap::new() }.run()).await?)
}

struct Verifier<'r> {
    reader: &'r Reader<'r>,
    signer: Signer,
    texts: HashMap<i64, TextDigest>,
}

impl Verifier<'_> {
    fn run(mut self) -> std::result::Result<ChainReport, DbError> {
        let mut report = ChainReport::default();
        let (mut no, mut mac) = (0, [0; 32]);
        if let Some(anchor) = links::anchor(self.reader)? {
            no = anchor.no;
            mac = anchor.mac.as_slice().try_into().unwrap_or_default();
            if anchor.anchor.as_deref() != Some(&sign_anchor(&self.signer, &anchor)[..]) {
                report.bad = Some(BadLink { first_no: 0, last_no: no, fault: Fault::NotRetention });
                return Ok(report);
            }
        }
        let reader = self.reader;
        links::each(reader, no, |link| {
            if let Some(fault) = self.check(&link, no, &mac)? {
                report.bad = Some(BadLink { first_no: no + 1, last_no: link.no, fault });
                return Ok(false);
            }
            report.links += 1;
            report.rows += (link.no - no) as u64;
            (no, mac) = (link.no, link.mac.as_slice().try_into().unwrap_or_default());
            Ok(true)
        })?;
        report.unlinked_rows = u64::try_from(table::last(reader)? - no).unwrap_or(0);
        Ok(report)
    }

    /// The fault of `link`, which follows the link up to row `no`.
    fn check(
        &mut self,
        link: &Link,
        no: i64,
        previous: &[u8; 32],
    ) -> std::result::Result<Option<Fault>, DbError> {
        let (mut rows, mut unidentified) = (hash(), hash());
        let (mut found, mut unidentified_rows) = (0, 0);
        let reader = self.reader;
        let read = table::each(reader, no + 1, link.no, |stored| {
            let (path, agent) = (self.text(stored.path_no)?, self.text(stored.agent_no)?);
            let row = Row { stored: &stored, path, agent, text_bytes: 0 };
            found += 1;
            if stored.identified {
                row.digest(&mut rows);
            } else {
                unidentified_rows += 1;
                row.digest(&mut unidentified);
            }
            Ok(true)
        });
        match read {
            Err(DbError::Corrupt(_) | DbError::Other(_)) => return Ok(Some(Fault::Unreadable)),
            other => other?,
        }
        let unidentified = unidentified.finish();
        let mut unidentified = unidentified.as_ref();
        if link.removed.is_some() {
            let Some(removed) = removed_hash(&self.signer, link) else {
                return Ok(Some(Fault::NotRetention));
            };
            if unidentified_rows > 0 {
                return Ok(Some(Fault::Changed));
            }
            unidentified = removed;
            found += link.unidentified_rows;
        }
        let missing = link.no - no - found;
        if missing > 0 {
            return Ok(Some(Fault::RowsMissing(missing)));
        }
        let rows = rows.finish();
        let right = sign(&self.signer, previous, no + 1, link, (rows.as_ref(), unidentified));
        Ok((link.mac != right).then_some(Fault::Changed))
    }

    fn text(&mut self, no: Option<i64>) -> std::result::Result<Option<TextDigest>, DbError> {
        const REMEMBERED: usize = 65_536;
        let Some(no) = no else { return Ok(None) };
        if let Some(known) = self.texts.get(&no) {
            return Ok(Some(*known));
        }
        if self.texts.len() >= REMEMBERED {
            self.texts.clear();
        }
        let (digest, _) = digest_of_no(self.reader, no)?;
        self.texts.insert(no, digest);
        Ok(Some(digest))
    }
}
