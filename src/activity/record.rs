//! Changes: logged in the transaction of the change.

use super::strings::cap;
use crate::error::Result;
use crate::model::activity::Entry;
use crate::store::Tx;
use crate::store::activity as table;
use crate::store::activity::{Inserter, Stored, segment};

/// Logs a change in its transaction. The caller of this function has checked a credential, a code or a link in this
/// transaction: the row has an identified caller.
///
/// # Errors
/// When the row cannot be written; the change is then undone too.
pub fn record(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    write(tx, entry, true)
}

/// [`record`] for a change that every caller can make and that has a limit of its own: a request for a reset link, a
/// client that registers itself, a denied request for authorization.
///
/// # Errors
/// When the row cannot be written; the change is then undone too.
pub fn record_request(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    write(tx, entry, entry.identified)
}

fn write(tx: &mut Tx<'_>, entry: &Entry, identified: bool) -> Result<()> {
    let no = table::last(tx)? + 1;
    // The dictionary belongs to the appender, and this transaction may be lost: a separate string costs little.
    let mut intern = |text: &Option<Box<str>>| {
        text.as_deref().map(|text| table::insert_string(tx, segment(no), cap(text))).transpose()
    };
    let (path_no, agent_no) = (intern(&entry.path)?, intern(&entry.agent)?);
    let row = Stored { identified, ..Stored::new(no, entry, path_no, agent_no) };
    Inserter::new(tx)?.insert(&row)?;
    Ok(())
}
