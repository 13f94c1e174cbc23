//! What scheduled jobs remember between their runs. When they run stands in [`super::queue`].

use crate::store::{Conn, Error, Tx, params};

/// The state of a job; none before it noted any.
pub fn state<T: serde::de::DeserializeOwned>(conn: &Conn<'_>, name: &str) -> Result<Option<T>, Error> {
    conn.first("SELECT state FROM job_states WHERE name = ?1", params![name], |row| row.json(0))
}

/// Notes the state of a job, in the transaction of the work that it describes.
pub fn set_state(tx: &mut Tx<'_>, name: &str, state: &impl serde::Serialize) -> Result<(), Error> {
    let state = serde_json::to_string(state).map_err(|error| Error::Other(error.to_string()))?;
    tx.execute(
        "INSERT INTO job_states (name, state) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET state = ?2",
        params![name, state],
    )?;
    Ok(())
}
