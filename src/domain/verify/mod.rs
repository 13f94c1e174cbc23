//! The hot path: is this key good for this request?

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::Core;
use crate::domain::access::Principal;
use crate::error::{Code, Error, Result};
use crate::model::{Api, AskedEnvironment, KeyId, ScopeExpr, Timestamp, VerifyCode};

/// Caches and limiters.
#[derive(Debug, Default)]
pub struct Engine {}

/// What is asked about a key.
pub struct Question<'q> {
    /// The key as it was presented.
    pub key: &'q str,
    /// The API that it must belong to.
    pub api: &'q Arc<Api>,
    /// What it must hold; none asks for nothing.
    pub scopes: Option<&'q ScopeExpr>,
    /// The environment that it must be of.
    pub environment: AskedEnvironment,
    /// How many requests it counts as.
    pub cost: u32,
    /// Where the request came from; none skips the address check only for keys that allow every address.
    pub ip: Option<IpAddr>,
}

/// The answer.
pub struct Verdict {
    /// The first rule that failed, or `VALID`.
    pub code: VerifyCode,
    /// The key's number and id, when it is known.
    pub key: Option<(i64, KeyId)>,
}

impl Engine {
    /// Answers `question` and takes what it costs.
    ///
    /// # Errors
    /// When the store cannot be read, or the limiter is full.
    pub fn ask(&self, core: &Core, question: &Question<'_>) -> Result<Verdict> {
        let _ = (core, question);
        Ok(Verdict { code: VerifyCode::NotFound, key: None })
    }
}

/// Who a key of Keywright's own API stands for; refusals come as errors that name the reason.
///
/// # Errors
/// 401, 403 or 429 as the key deserves.
pub fn authenticate(core: &Core, question: &Question<'_>, now: Timestamp) -> Result<Principal> {
    let _ = (core.verify.ask(core, question)?, now);
    Err(Error::new(Code::InvalidApiKey, "The provided API key is invalid"))
}
