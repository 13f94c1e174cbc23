//! API keys.

mod types;

pub use types::{IssuedKey, Key, KeyChange, KeyPage, KeyRotation, LeakedKey, NewKey};

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::Tag;
use crate::domain::idempotency::{Answer, IdempotentRequest};
use crate::domain::identity::access::{KeysRead, KeysWrite};
use crate::domain::keys::{self, KeyFilter};
use crate::error::{Error, Result as Checked};
use crate::http::Result;
use crate::http::auth::{Anyone, Within};
use crate::http::json::{Created, Json, NoContent};
use crate::http::optional_json::OptionalJson;
use crate::model::{Environment, KeyId, KeyStatus, Timestamp, TimestampError, UserId};

/// Operations on keys.
pub struct KeysApi;

/// Accepted; the outcome is not revealed.
#[derive(ApiResponse)]
enum Accepted {
    /// Received. If it was a working key, it no longer is.
    #[oai(status = 202)]
    Accepted,
}

#[OpenApi(tag = "Tag::Keys")]
impl KeysApi {
    /// List keys
    ///
    /// Newest first; all filters must match. Needs `keys:read`; a person without it sees their own keys.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/v1/keys", method = "get")]
    async fn list(
        &self,
        within: Within<KeysRead>,
        /// Of the API with this slug or id.
        api: Query<Option<String>>,
        /// For this customer, exactly as it was written.
        owner: Query<Option<String>>,
        /// This person's own (`usr_…`).
        user_id: Query<Option<String>>,
        /// Of this environment.
        environment: Query<Option<Environment>>,
        /// In this state now. `expiring`: it ends within 14 days. `unused`: never used, or not for 90 days.
        /// `unrotated`: no new secret for 90 days.
        status: Query<Option<KeyStatus>>,
        /// Made before this time.
        created_before: Query<Option<String>>,
        /// With this in the name or the owner, or with exactly this id, first or last four characters.
        q: Query<Option<String>>,
        /// Keys per page, 1 to 200; 50 by default.
        limit: Query<Option<u32>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<KeyPage>> {
        let filter = KeyFilter {
            api: api.0,
            owner: owner.0,
            user_id: user_id.0.as_deref().map(user).transpose()?,
            environment: environment.0,
            status: status.0,
            created_before: created_before.0.as_deref().map(time).transpose()?,
            q: q.0,
        };
        let call = within.0.call().clone();
        let services = call.services.clone();
        let page = services.read_as(filter.extent(), move |conn| {
            keys::list(conn, &within.0, &filter, limit.0, cursor.0.as_deref())
        });
        Ok(Json(KeyPage::new(page.await?, &call)))
    }

    /// Create a key
    ///
    /// The answer is the only one that holds the key itself. Needs `keys:write`; a key of the built-in
    /// API that holds more than they do. A person without `keys:write` creates keys of their own, of APIs on
    /// which their role holds something, with no more than that; tier, limits and owner are then the API's to say.
    #[oai(path = "/v1/keys", method = "post")]
    async fn create(
        &self,
        within: Within<KeysWrite>,
        /// The same key and body again, within an hour, gives the same answer again instead of a second key; after
        /// that it is refused with 409, which names the first key.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Json<NewKey>,
    ) -> Result<Created<IssuedKey>> {
        let once = IdempotentRequest {
            route: "POST /v1/keys",
            key: idempotency_key.0.as_deref(),
            answer: Answer::Secret,
        };
        let (call, new) = (within.0.call().clone(), body.0.clone());
        let issued = call.once(once, &body.0, move |tx| {
            let issued = keys::create(tx, &within.0, new.clone().into())?;
            Ok(IssuedKey::new(issued, within.0.call()))
        });
        Ok(Created(issued.await?))
    }

    /// Get a key
    ///
    /// Never the key itself: its policy, state and use. Needs `keys:read`, or to be one's own.
    #[oai(path = "/v1/keys/:id", method = "get")]
    async fn get(
        &self,
        within: Within<KeysRead>,
        /// `key_…`
        id: Path<String>,
    ) -> Result<Json<Key>> {
        let (call, id) = (within.0.call().clone(), key_id(&id.0)?);
        let key = call.services.read(move |conn| keys::find(conn, &within.0, id)).await?;
        Ok(Json(Key::new(key, &call)))
    }

    /// Change a key
    ///
    /// Every request that starts after the response is judged by the new policy. A revoked key cannot be changed (409).
    /// Needs `keys:write`, or to be one's own.
    #[oai(path = "/v1/keys/:id", method = "patch")]
    async fn change(
        &self,
        within: Within<KeysWrite>,
        /// `key_…`
        id: Path<String>,
        body: Json<KeyChange>,
    ) -> Result<Json<Key>> {
        let (call, id) = (within.0.call().clone(), key_id(&id.0)?);
        let services = call.services.clone();
        let changed = services.write(move |tx| keys::change(tx, &within.0, id, body.0.clone().into()));
        Ok(Json(Key::new(changed.await?, &call)))
    }

    /// Revoke a key
    ///
    /// Permanently: every request that starts after the response is refused, with all its secrets. The key and its
    /// activity can still be seen. Revoking it again changes nothing. Needs `keys:write`, or to be one's own.
    #[oai(path = "/v1/keys/:id", method = "delete")]
    async fn revoke(
        &self,
        within: Within<KeysWrite>,
        /// `key_…`
        id: Path<String>,
    ) -> Result<NoContent> {
        let (call, id) = (within.0.call().clone(), key_id(&id.0)?);
        call.services.write(move |tx| keys::revoke(tx, &within.0, id)).await?;
        Ok(NoContent)
    }

    /// Rotate a key
    ///
    /// Gives the key a new secret, which only this answer holds. The one before works on for `grace_seconds`, so
    /// that it can be replaced everywhere without a gap; a rotation within that time ends the oldest. The key's id,
    /// policy and activity stay. A revoked key (409) and an expired one (422) get no new secret. Needs
    /// `keys:write`, or to be one's own.
    #[oai(path = "/v1/keys/:id/rotate", method = "post")]
    async fn rotate(
        &self,
        within: Within<KeysWrite>,
        /// `key_…`
        id: Path<String>,
        /// The same key and body again, within an hour, gives the same answer again instead of another secret.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: OptionalJson<KeyRotation>,
    ) -> Result<Json<IssuedKey>> {
        let (call, id) = (within.0.call().clone(), key_id(&id.0)?);
        let route = format!("POST /v1/keys/{id}/rotate");
        let once =
            IdempotentRequest { route: &route, key: idempotency_key.0.as_deref(), answer: Answer::Secret };
        let grace_seconds = body.0.grace_seconds;
        let issued = call.once(once, &body.0, move |tx| {
            let issued = keys::rotate(tx, &within.0, id, grace_seconds)?;
            Ok(IssuedKey::new(issued, within.0.call()))
        });
        Ok(Json(issued.await?))
    }

    /// Revoke a key that was found
    ///
    /// For secret scanners, and for anyone who finds a key in a log or a repository: holding it is enough. The answer is
    /// the same whether there is such a key or not. Ten a minute from one network.
    #[oai(path = "/v1/keys/revoke-leaked", method = "post")]
    async fn revoke_leaked(&self, anyone: Anyone, body: Json<LeakedKey>) -> Result<Accepted> {
        keys::revoke_leaked(&anyone.0, &body.0.key).await?;
        Ok(Accepted::Accepted)
    }
}

/// Text that is not an id names no key.
fn key_id(text: &str) -> Checked<KeyId> {
    text.parse().map_err(|_| keys::not_found())
}

fn time(text: &str) -> Checked<Timestamp> {
    text.parse().map_err(|error: TimestampError| Error::invalid("created_before", error.to_string()))
}

fn user(text: &str) -> Checked<UserId> {
    text.parse().map_err(|error: crate::model::IdError| Error::invalid("user_id", error.to_string()))
}
