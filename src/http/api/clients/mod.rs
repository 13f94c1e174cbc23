//! OAuth clients, "OAuth apps" on screen.

mod types;

use poem::http::{HeaderValue, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Binary;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};

pub use types::{Client, ClientAccess, ClientCreate, ClientPage, ClientRotate, ClientUpdate};

use super::Tag;
use crate::domain::clients;
use crate::domain::idempotency::{Answer, IdempotentRequest};
use crate::domain::identity::access::{ClientsRead, ClientsWrite};
use crate::domain::keys::DEFAULT_GRACE_SECONDS;
use crate::error::{Error, Result as Checked};
use crate::http::Result;
use crate::http::auth::{Allowed, Anyone};
use crate::http::json::{Created, Json, NoContent, read_capped};
use crate::http::optional_json::OptionalJson;
use crate::model::ClientId;

/// OAuth clients.
pub struct ClientsApi;

#[OpenApi(tag = "Tag::Clients")]
impl ClientsApi {
    /// Register a client
    ///
    /// The answer holds `client_secret`, this one time. To register a client that may ask for scopes of
    /// Keywright's own API must hold them.
    #[oai(path = "/v1/clients", method = "post")]
    async fn create(
        &self,
        allowed: Allowed<ClientsWrite>,
        /// Makes it safe to send the request again: the same key answers the same.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Json<ClientCreate>,
    ) -> Result<Created<Client>> {
        let can = allowed.0;
        let key = idempotency_key.0.as_deref();
        let once = IdempotentRequest { route: "POST /v1/clients", key, answer: Answer::Secret };
        let new = body.0.wanted()?;
        let call = can.clone();
        let made = call.once(once, &body.0, move |tx| {
            clients::create(tx, &can, new.clone()).map(|made| Client::issued(&can.services, made))
        });
        Ok(Created(made.await?))
    }

    /// List clients
    #[oai(path = "/v1/clients", method = "get")]
    async fn list(
        &self,
        allowed: Allowed<ClientsRead>,
        /// Entries of a page, 1 to 200; default 50.
        limit: Query<Option<u32>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ClientPage>> {
        let can = allowed.0;
        let services = can.services.clone();
        let page = services.read(move |conn| clients::list(conn, &can, limit.0, cursor.0.as_deref())).await?;
        let apis = services.catalog.get();
        let data = page.data.into_iter().map(|view| Client::of(&apis, view)).collect();
        Ok(Json(ClientPage { data, next_cursor: page.next_cursor }))
    }

    /// See a client
    #[oai(path = "/v1/clients/:id", method = "get")]
    async fn get(&self, allowed: Allowed<ClientsRead>, id: Path<String>) -> Result<Json<Client>> {
        let (services, id, now) = (allowed.0.services.clone(), parse_id(&id.0)?, allowed.0.now);
        let view = services.read(move |conn| clients::view(conn, clients::find(conn, id)?, now)).await?;
        Ok(Json(Client::of(&services.catalog.get(), view)))
    }

    /// Change a client
    #[oai(path = "/v1/clients/:id", method = "patch")]
    async fn update(
        &self,
        allowed: Allowed<ClientsWrite>,
        id: Path<String>,
        body: Json<ClientUpdate>,
    ) -> Result<Json<Client>> {
        let (can, id, change) = (allowed.0, parse_id(&id.0)?, body.0.wanted()?);
        let services = can.services.clone();
        let view = services.write(move |tx| clients::change(tx, &can, id, change.clone())).await?;
        Ok(Json(Client::of(&services.catalog.get(), view)))
    }

    /// Remove a client
    ///
    /// Its secrets, grants and tokens end with it, from the next request on.
    #[oai(path = "/v1/clients/:id", method = "delete")]
    async fn delete(&self, allowed: Allowed<ClientsWrite>, id: Path<String>) -> Result<NoContent> {
        let (can, id) = (allowed.0, parse_id(&id.0)?);
        let services = can.services.clone();
        services.write(move |tx| clients::delete(tx, &can, id)).await?;
        Ok(NoContent)
    }

    /// Give a client a new secret
    ///
    /// The secret before works on for `grace_seconds`, any older one ends at once.
    #[oai(path = "/v1/clients/:id/rotate", method = "post")]
    async fn rotate(
        &self,
        allowed: Allowed<ClientsWrite>,
        id: Path<String>,
        /// Makes it safe to send the request again: the same key answers the same.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: OptionalJson<ClientRotate>,
    ) -> Result<Json<Client>> {
        let (can, id) = (allowed.0, parse_id(&id.0)?);
        let route = format!("POST /v1/clients/{id}/rotate");
        let once =
            IdempotentRequest { route: &route, key: idempotency_key.0.as_deref(), answer: Answer::Secret };
        let grace_seconds = body.0.grace_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
        let call = can.clone();
        let made = call.once(once, &body.0, move |tx| {
            clients::rotate(tx, &can, id, grace_seconds).map(|made| Client::issued(&can.services, made))
        });
        Ok(Json(made.await?))
    }

    /// See a client's logo
    #[oai(path = "/v1/clients/:id/logo", method = "get")]
    async fn logo(&self, anyone: Anyone, id: Path<String>) -> Result<Picture> {
        let id = parse_id(&id.0)?;
        Ok(Picture(anyone.0.services.read(move |conn| clients::logo(conn, id)).await?))
    }

    /// Upload a client's logo
    ///
    /// A PNG, JPEG or WebP picture of at most 128 KiB; people see it on the consent page.
    #[oai(path = "/v1/clients/:id/logo", method = "put")]
    async fn set_logo(
        &self,
        allowed: Allowed<ClientsWrite>,
        id: Path<String>,
        picture: Binary<Body>,
    ) -> Result<NoContent> {
        let (can, id) = (allowed.0, parse_id(&id.0)?);
        let bytes = read_capped(picture.0, clients::MAX_LOGO_BYTES).await?;
        let services = can.services.clone();
        services.write(move |tx| clients::set_logo(tx, &can, id, Some(&bytes))).await?;
        Ok(NoContent)
    }

    /// Remove a client's logo
    #[oai(path = "/v1/clients/:id/logo", method = "delete")]
    async fn remove_logo(&self, allowed: Allowed<ClientsWrite>, id: Path<String>) -> Result<NoContent> {
        let (can, id) = (allowed.0, parse_id(&id.0)?);
        let services = can.services.clone();
        services.write(move |tx| clients::set_logo(tx, &can, id, None)).await?;
        Ok(NoContent)
    }
}

fn parse_id(text: &str) -> Checked<ClientId> {
    // Text that is not an id belongs to no client.
    text.parse().map_err(|_| Error::not_found("client"))
}

/// A picture, as it was uploaded.
pub struct Picture(Vec<u8>);

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        let media = clients::logo_type(&self.0).unwrap_or("application/octet-stream");
        Response::builder()
            .header(header::CONTENT_TYPE, media)
            .header(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))
            .body(self.0)
    }
}

impl ApiResponse for Picture {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let media = |content_type| MetaMediaType { content_type, schema: schema.clone() };
        let content = Vec::from(["image/png", "image/jpeg", "image/webp"].map(media));
        let response = MetaResponse {
            description: "The picture",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
