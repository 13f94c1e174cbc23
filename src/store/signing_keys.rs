//! The keys that tokens are signed with.

use super::{Conn, Error, Tx, params};
use crate::env::Settled;
use crate::model::Timestamp;
use crate::model::setting::SigningAlg;
use crate::model::signing_key::{KeyStage, SigningKeyInfo};

/// A key as it is stored.
pub struct Stored {
    /// What everybody may know.
    pub info: SigningKeyInfo,
    /// The public half as a JWK.
    pub public: serde_json::Value,
    /// The private half, sealed; none once retired.
    pub sealed: Option<Vec<u8>>,
}

/// Every key, oldest first.
pub fn load_all(conn: &Conn<'_>) -> Result<Vec<Stored>, Error> {
    let sql = "SELECT kid, alg, status, public, sealed, created_at, activated_at, retired_at, expires_at
        FROM signing_keys ORDER BY no";
    conn.all(sql, params![], |row| {
        Ok(Stored {
            info: SigningKeyInfo {
                kid: row.get(0)?,
                alg: row.parse::<SigningAlg>(1)?,
                stage: row.parse::<KeyStage>(2)?,
                created_at: row.time(5)?,
                activated_at: row.time_opt(6)?,
                retired_at: row.time_opt(7)?,
                expires_at: row.time_opt(8)?,
            },
            public: row.json(3)?,
            sealed: row.get(4)?,
        })
    })
}

/// Adds a key.
pub fn insert(tx: &mut Tx<'_>, key: &Stored) -> Result<(), Error> {
    tx.insert(
        "INSERT INTO signing_keys (kid, alg, status, public, sealed, created_at, activated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            key.info.kid,
            key.info.alg.as_str(),
            key.info.stage.as_str(),
            key.public.to_string(),
            key.sealed,
            key.info.created_at.millis(),
            key.info.activated_at.map(Timestamp::millis),
        ],
    )?;
    Ok(())
}

/// Starts signing with a key.
pub fn activate(tx: &mut Tx<'_>, kid: &str, now: Settled) -> Result<(), Error> {
    let sql = "UPDATE signing_keys SET status = 'active', activated_at = ?2 WHERE kid = ?1";
    tx.execute(sql, params![kid, now.millis()])?;
    Ok(())
}

/// Stops signing with a key; its private half goes at once, its public half at `expires_at`.
pub fn retire(tx: &mut Tx<'_>, kid: &str, now: Settled, expires_at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE signing_keys SET status = 'retired', sealed = NULL, retired_at = ?2, expires_at = ?3
         WHERE kid = ?1",
        params![kid, now.millis(), expires_at.millis()],
    )?;
    Ok(())
}

/// Removes a key that was never used.
pub fn delete(tx: &mut Tx<'_>, kid: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM signing_keys WHERE kid = ?1", params![kid])?;
    Ok(())
}

/// Removes keys whose last token has ended.
pub fn sweep(tx: &mut Tx<'_>, now: Settled) -> Result<usize, Error> {
    tx.execute("DELETE FROM signing_keys WHERE expires_at <= ?1", params![now.millis()])
}
