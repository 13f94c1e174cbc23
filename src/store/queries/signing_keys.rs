//! The keys that tokens are signed with.

use crate::env::Settled;
use crate::model::Timestamp;
use crate::model::setting::SigningAlg;
use crate::model::signing_key::{KeyStage, SigningKeyInfo};
use crate::store::{Conn, Error, Touched, Tx, params};

/// A key as it is stored.
pub struct Stored {
    /// The public part.
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
    tx.touch(Touched::SigningKeys);
    tx.insert(
        "INSERT INTO signing_keys (kid, alg, status, public, sealed, created_at, activated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING no",
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

/// Starts to sign with the next key; false when it is not the next key any more. Only one key can be active, so the
/// active one must be retired before.
pub fn activate(tx: &mut Tx<'_>, kid: &str, now: Settled) -> Result<bool, Error> {
    tx.touch(Touched::SigningKeys);
    let sql =
        "UPDATE signing_keys SET status = 'active', activated_at = ?2 WHERE kid = ?1 AND status = 'next'";
    Ok(tx.execute(sql, params![kid, now.millis()])? == 1)
}

/// Stops to sign with the active key; false when it is not active any more. Its private half is removed at once, its
/// public half at `expires_at`.
pub fn retire(tx: &mut Tx<'_>, kid: &str, now: Settled, expires_at: Timestamp) -> Result<bool, Error> {
    tx.touch(Touched::SigningKeys);
    let retired = tx.execute(
        "UPDATE signing_keys SET status = 'retired', sealed = NULL, retired_at = ?2, expires_at = ?3
         WHERE kid = ?1 AND status = 'active'",
        params![kid, now.millis(), expires_at.millis()],
    )?;
    Ok(retired == 1)
}

/// Removes a key that was never used.
pub fn delete(tx: &mut Tx<'_>, kid: &str) -> Result<(), Error> {
    tx.touch(Touched::SigningKeys);
    tx.execute("DELETE FROM signing_keys WHERE kid = ?1", params![kid])?;
    Ok(())
}

/// Removes keys whose last token has ended.
pub fn sweep(tx: &mut Tx<'_>, now: Settled) -> Result<usize, Error> {
    let removed = tx.execute("DELETE FROM signing_keys WHERE expires_at <= ?1", params![now.millis()])?;
    if removed > 0 {
        tx.touch(Touched::SigningKeys);
    }
    Ok(removed)
}
