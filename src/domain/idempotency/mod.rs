//! `Idempotency-Key`: a repeated creating request gets the stored response instead of a second execution. The response
//! is stored in the transaction of the change.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::env::Settled;
use crate::error::{Error, Result};
use crate::model::{Role, ScopeSet, Timestamp};
use crate::store;
use crate::store::Tx;
use crate::store::idempotency::{Stored, claim, find, keep};

/// Maximum length of an `Idempotency-Key`, in characters.
const MAX_KEY: usize = 255;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Content of a response, which decides for how long it may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Without secrets: repeated for 24 hours, after which the key is free.
    Plain,
    /// With a secret that is shown once: repeated for one hour, so that a lost response can be fetched again; then
    /// refused for 30 days with the id of the resource, so that a late repeat does not create a second one.
    Secret,
}

impl Answer {
    const fn answer_seconds(self) -> i64 {
        match self {
            Self::Plain => DAY,
            Self::Secret => HOUR,
        }
    }

    const fn row_seconds(self) -> i64 {
        match self {
            Self::Plain => DAY,
            Self::Secret => 30 * DAY,
        }
    }
}

/// A creating request that may be repeated.
#[derive(Debug, Clone, Copy)]
pub struct IdempotentRequest<'a> {
    /// Method and path as called, including ids: `POST /v1/keys/key_01…/rotate`.
    pub route: &'a str,
    /// Header `Idempotency-Key`; without it the job runs each time.
    pub key: Option<&'a str>,
    /// Content of the response.
    pub answer: Answer,
}

impl Call {
    /// Runs `job` in one transaction, unless the same credential sent the same `body` to the same route under the same
    /// key before: then returns the stored response, if the credential still holds what it held then. The member `id`
    /// of the response names the resource.
    ///
    /// # Errors
    /// Those of the job, which are not stored; `INVALID_REQUEST` for a key that is too long or not printable;
    /// `CONFLICT` for another body, and for a repeat after the secret of the response may no longer be shown;
    /// `FORBIDDEN` or `REAUTHENTICATION_REQUIRED` for a credential that holds less than it did.
    pub async fn once<B, T, F>(self: &Arc<Self>, once: IdempotentRequest<'_>, body: &B, job: F) -> Result<T>
    where
        B: Serialize + ?Sized,
        T: Serialize + DeserializeOwned + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let Some(key) = once.key else { return self.services.write(job).await };
        check(key)?;
        let slot = Slot::new(self, once.route, key, body, once.answer)?;
        let call = self.clone();
        self.services
            .write(move |tx| {
                if !claim(tx, &slot.hash, &slot.request_hash, slot.settled)? {
                    return slot.answered(tx, &call);
                }
                let answer = job(tx)?;
                slot.keep(tx, &call, &answer)?;
                Ok(answer)
            })
            .await
    }
}

/// Rights of the caller at the time of the response.
#[derive(Debug, Serialize, Deserialize)]
struct Rights {
    role: Role,
    scopes: ScopeSet,
    /// Whether the request needed a recent sign-in.
    recent: bool,
}

impl Rights {
    fn of(call: &Call) -> Self {
        Self { role: call.role(), scopes: call.identity.scopes.clone(), recent: call.needed_recent_sign_in() }
    }

    /// Refuses a caller that holds less now: the response may depend on the former rights.
    fn check(&self, call: &Call) -> Result<()> {
        if call.role() > self.role || !call.covers(&self.scopes) {
            return Err(Error::forbidden("You hold less than when this request was first answered")
                .with("required", serde_json::json!(self.scopes))
                .with("granted", serde_json::json!(call.identity.scopes)));
        }
        if self.recent { call.require_recent_sign_in() } else { Ok(()) }
    }
}

/// A response with the rights of its caller.
#[derive(Serialize)]
struct StoredAnswer<'a, T> {
    rights: Rights,
    answer: &'a T,
}

#[derive(Deserialize)]
struct ReadAnswer<T> {
    rights: Rights,
    answer: T,
}

/// Storage of the response of one request.
struct Slot {
    services: Arc<Services>,
    now: Timestamp,
    /// Recognises a repeat for its full time, whatever the wall clock showed.
    settled: Timestamp,
    hash: [u8; 32],
    request_hash: [u8; 32],
    answer: Answer,
}

impl Slot {
    fn new(
        call: &Call,
        route: &str,
        key: &str,
        body: &(impl Serialize + ?Sized),
        answer: Answer,
    ) -> Result<Self> {
        let body = Zeroizing::new(serde_json::to_vec(body).map_err(Error::internal)?);
        let mac = |parts: &[&[u8]]| call.services.vault.mac("idempotency", parts);
        let credential = call.identity.credential();
        Ok(Self {
            hash: mac(&[credential.as_bytes(), route.as_bytes(), key.as_bytes()]),
            // Keyed, because a body may contain guessable values.
            request_hash: mac(&[&body]),
            services: call.services.clone(),
            settled: call.services.settled().at(),
            now: call.now,
            answer,
        })
    }

    fn place(&self) -> String {
        let hex = self.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("idempotency/{hex}")
    }

    fn answered<T: DeserializeOwned>(&self, tx: &Tx<'_>, call: &Call) -> Result<T> {
        let stored = find(tx, &self.hash)?.ok_or_else(|| Error::internal("a claimed answer is not there"))?;
        if stored.request_hash != self.request_hash {
            return Err(Error::conflict("This Idempotency-Key was used before, with another request")
                .with("resource_id", stored.resource_id));
        }
        match self.open(&stored) {
            Some(ReadAnswer { rights, answer }) => {
                rights.check(call)?;
                Ok(answer)
            }
            None => Err(Error::conflict(
                "This request was answered before, and its answer can no longer be shown; the resource exists",
            )
            .with("resource_id", stored.resource_id)),
        }
    }

    fn open<T: DeserializeOwned>(&self, stored: &Stored) -> Option<ReadAnswer<T>> {
        let time = match self.answer {
            Answer::Plain => self.settled,
            Answer::Secret => self.now,
        };
        let sealed = stored.sealed.as_ref().filter(|_| time < stored.answer_until_at)?;
        let plain = self.services.vault.unseal(&self.place(), sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    fn keep(&self, tx: &mut Tx<'_>, call: &Call, answer: &impl Serialize) -> Result<()> {
        let kept = StoredAnswer { rights: Rights::of(call), answer };
        let plain = Zeroizing::new(serde_json::to_vec(&kept).map_err(Error::internal)?);
        let stored = Stored {
            request_hash: self.request_hash.to_vec(),
            resource_id: resource_id(&plain),
            sealed: Some(self.services.vault.seal(&*self.services.rng, &self.place(), &plain)),
            answer_until_at: self.settled.plus_seconds(self.answer.answer_seconds()),
            expires_at: self.settled.plus_seconds(self.answer.row_seconds()),
        };
        Ok(keep(tx, &self.hash, &stored)?)
    }
}

/// The member `id` of a stored response in JSON.
fn resource_id(kept: &[u8]) -> String {
    #[derive(Deserialize)]
    struct WithId {
        id: String,
    }
    serde_json::from_slice(kept).map_or_else(|_| String::new(), |kept: ReadAnswer<WithId>| kept.answer.id)
}

fn check(key: &str) -> Result<()> {
    let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if printable && (1..=MAX_KEY).contains(&key.len()) {
        return Ok(());
    }
    Err(Error::invalid("Idempotency-Key", "Use 1 to 255 printable ASCII characters, for example a UUID."))
}

/// Removes expired responses, a bounded number at a time. Returns the number of changed rows: the worker repeats it
/// while there are more.
pub fn sweep(tx: &mut Tx<'_>, now: Settled) -> Result<usize> {
    const AT_ONCE: u32 = 1_000;
    Ok(store::idempotency::sweep(tx, now, AT_ONCE)?)
}

#[cfg(test)]
mod tests;
