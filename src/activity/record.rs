//! Changes: written in the transaction of the change itself.

use super::strings::cap;
use crate::error::Result;
use crate::model::activity::Entry;
use crate::store::Tx;
use crate::store::activity as table;
use crate::store::activity::{Inserter, Stored, segment};

/// Writes a change into the log, in the transaction of the change itself.
///
/// # Errors
/// When it cannot be written; the change is then undone too.
pub fn record(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    let no = table::last(tx)? + 1;
    // The dictionary is the appender's, and this transaction may still be lost: a string of its own costs little.
    let mut intern = |text: &Option<Box<str>>| {
        text.as_deref().map(|text| table::insert_string(tx, segment(no), cap(text))).transpose()
    };
    let (path_no, agent_no) = (intern(&entry.path)?, intern(&entry.agent)?);
    Inserter::new(tx)?.insert(&Stored::new(no, entry, path_no, agent_no))?;
    Ok(())
}
