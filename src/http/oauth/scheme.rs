//! OAuth in the OpenAPI document, and client authentication in a header.

use std::sync::Arc;

use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::answer::{Tried, refuse};
use super::basic;
use crate::domain::identity::access::{Call, SCOPES};
use crate::domain::identity::admission::Accepts;
use crate::domain::oauth::OAuthError;
use crate::domain::oauth::client_auth::ClientCredentials;
use crate::http::auth::Anyone;
use crate::http::declared;
use crate::model::openid::OPENID_SCOPES;

/// Name of the code flow in the OpenAPI document: what "Authorize" on the documentation page runs.
pub(in crate::http) const OAUTH2: &str = "oauth2";
/// Name of client authentication in the OpenAPI document.
pub(in crate::http) const CLIENT: &str = "client";

/// Describes the code flow against this very instance.
pub(in crate::http) fn register_oauth2(registry: &mut Registry) {
    let flow = |authorization_url, scopes: Vec<(&'static str, &'static str)>| MetaOAuthFlow {
        authorization_url,
        token_url: Some("/oauth/token"),
        refresh_url: Some("/oauth/token"),
        scopes: scopes
            .into_iter()
            .map(|(name, description)| MetaOAuthScope { name, description: Some(description) })
            .collect(),
    };
    registry.create_security_scheme(
        OAUTH2,
        MetaSecurityScheme {
            ty: "oauth2",
            description: Some("An OAuth app: register one with this page's `/docs/oauth2-redirect.html` among its redirect URIs."),
            name: None,
            key_in: None,
            scheme: None,
            bearer_format: None,
            flows: Some(MetaOAuthFlows {
                implicit: None,
                password: None,
                client_credentials: Some(flow(None, SCOPES.to_vec())),
                authorization_code: Some(flow(Some("/oauth/authorize"), [&OPENID_SCOPES[..], SCOPES].concat())),
            }),
            openid_connect_url: None,
        },
    );
}

/// A call by an OAuth client, with the header by which it proves itself, if it sends one.
pub(super) struct ClientCall {
    pub(super) call: Arc<Call>,
    pub(super) header: Option<ClientCredentials>,
}

impl ClientCall {
    /// What a 401 must match.
    pub(super) fn tried(&self) -> Tried {
        if self.header.is_some() { Tried::Basic } else { Tried::Nothing }
    }
}

impl<'a> ApiExtractor<'a> for ClientCall {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            CLIENT,
            MetaSecurityScheme {
                ty: "http",
                description: Some("Id and secret of an OAuth client; both may be in the body instead."),
                name: None,
                key_in: None,
                scheme: Some("basic"),
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        declared::words(Accepts::Client, false)
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let call = Anyone::from_request(request, body, options).await?.0;
        let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Self { call, header: None }) };
        if values.next().is_some() {
            let twice = OAuthError::invalid_request("The header Authorization was sent twice");
            return Err(refuse(&twice, Tried::Basic));
        }
        let read = value.to_str().map_err(|_| OAuthError::invalid_client()).and_then(basic::read);
        read.map(|basic| Self { call, header: Some(basic) }).map_err(|error| refuse(&error, Tried::Basic))
    }
}
