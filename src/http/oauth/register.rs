//! Dynamic registration (RFC 7591).

use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Tried, json as answer_json, refuse};
use crate::domain::oauth::register::{Metadata, Registered, register};
use crate::domain::oauth::{ErrorCode, OAuthError};
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::Anyone;
use crate::http::json;
use crate::model::RedirectUri;

/// Largest registration, in bytes.
const BODY_BYTES: usize = 32 << 10;

/// Dynamic registration.
pub struct RegisterApi;

/// Client metadata (RFC 7591, section 2); other members are ignored.
#[derive(Deserialize, Object)]
pub(super) struct ClientMetadata {
    /// Where people may be sent back to.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// `none`, `client_secret_post` or `client_secret_basic`
    token_endpoint_auth_method: Option<String>,
    /// `authorization_code`, and `refresh_token` beside it.
    grant_types: Option<Vec<String>>,
    /// `code`
    response_types: Option<Vec<String>>,
    /// The name for people.
    client_name: Option<String>,
    /// Its home page.
    client_uri: Option<String>,
    /// The scopes that it will request.
    scope: Option<String>,
    /// Where people may be sent to after signing out.
    post_logout_redirect_uris: Option<Vec<String>>,
}

/// Registration response (RFC 7591, section 3.2.1).
#[derive(Serialize, Object)]
pub(super) struct RegisteredClient {
    /// Its id.
    client_id: String,
    /// When: seconds since 1970.
    client_id_issued_at: i64,
    /// What proves it, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// 0: it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    /// As registered.
    redirect_uris: Vec<String>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// As registered.
    token_endpoint_auth_method: String,
    /// As registered.
    grant_types: Vec<String>,
    /// `code`
    response_types: Vec<String>,
    /// As registered.
    client_name: String,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<String>,
    /// The scopes that it may request.
    scope: String,
}

impl From<ClientMetadata> for Metadata {
    fn from(sent: ClientMetadata) -> Self {
        Self {
            redirect_uris: sent.redirect_uris,
            token_endpoint_auth_method: sent.token_endpoint_auth_method,
            grant_types: sent.grant_types,
            response_types: sent.response_types,
            client_name: sent.client_name,
            client_uri: sent.client_uri,
            scope: sent.scope,
            post_logout_redirect_uris: sent.post_logout_redirect_uris.unwrap_or_default(),
        }
    }
}

impl From<Registered> for RegisteredClient {
    fn from(Registered { issued, auth_method }: Registered) -> Self {
        let client = issued.view.client;
        let texts = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect::<Vec<_>>();
        let expires = issued.secret.as_ref().map(|_| 0);
        let scope = client.access.first().map_or_else(String::new, |access| access.scopes.to_string());
        Self {
            client_id: client.id.to_string(),
            client_id_issued_at: client.created_at.seconds(),
            client_secret: issued.secret.map(|secret| secret.expose().to_owned()),
            client_secret_expires_at: expires,
            redirect_uris: texts(&client.redirect_uris),
            post_logout_redirect_uris: Some(texts(&client.post_logout_redirect_uris))
                .filter(|uris| !uris.is_empty()),
            token_endpoint_auth_method: auth_method,
            grant_types: client.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect(),
            response_types: vec!["code".to_owned()],
            client_name: client.name,
            client_uri: client.home_page,
            scope,
        }
    }
}

/// The body of a registration.
pub(super) struct Registration(Metadata);

impl<'a> ApiExtractor<'a> for Registration {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        ClientMetadata::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let schema = ClientMetadata::schema_ref();
        let content = vec![MetaMediaType { content_type: "application/json", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = json::read(request, body, BODY_BYTES).await;
        let parsed = bytes.and_then(|bytes| json::parse::<ClientMetadata>(&bytes));
        let wrong = |error: crate::error::Error| {
            let fields: Vec<&str> = error.details.keys().map(String::as_str).collect();
            let text = format!("{}: {}", error.message, fields.join(", "));
            refuse(&OAuthError::new(ErrorCode::InvalidClientMetadata, text), Tried::Nothing)
        };
        Ok(Self(parsed.map_err(wrong)?.into()))
    }
}

#[OpenApi(tag = "Tag::OAuth")]
impl RegisterApi {
    /// Register a program by itself
    ///
    /// Where the operator allows that (`dynamic_registration`). It gets access to `registration_api`, for people who
    /// consent.
    #[oai(path = "/oauth/register", method = "post")]
    async fn register(&self, anyone: Anyone, body: Registration) -> Result<Answer<RegisteredClient, 201>> {
        let registered = register(&anyone.0, body.0).await;
        let registered = registered.map_err(|error| refuse(&error, Tried::Nothing))?;
        Ok(Answer::new(answer_json(StatusCode::CREATED, &RegisteredClient::from(registered))))
    }
}
