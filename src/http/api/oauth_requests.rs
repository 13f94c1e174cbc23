//! What the sign-in and consent pages of the dashboard work on.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::{Enum, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::oauth::requests::{self, Decision, PendingView};
use crate::domain::oauth::scopes;
use crate::http::Result;
use crate::http::auth::{Anyone, OwnAccount};
use crate::http::json::Json;
use crate::http::oauth::browser;
use crate::http::oauth::location;

/// Requests for authorization that wait for a person.
pub struct RequestsApi;

/// A request for authorization, as its page shows it.
#[derive(Debug, Serialize, Object)]
pub struct OAuthRequest {
    /// The client.
    pub client: OAuthRequestClient,
    /// The API.
    pub api: OAuthRequestApi,
    /// The requested scopes. After sign-in, only those that the person can grant.
    pub scopes: Vec<OAuthRequestScope>,
    /// Redirect target: a host, or the scheme of an app on the person's device.
    pub redirect_host: String,
    /// Whether any program on the person's machine could receive the response: show a warning.
    pub redirect_is_local: bool,
    /// The address to fill in on the sign-in page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Whether the person must sign in, perhaps again, before they may decide.
    pub sign_in_required: bool,
    /// Whether there is anything to decide; if not, allow at once.
    pub consent_required: bool,
    /// Until when it may be answered.
    pub expires_at: String,
}

/// The client of a request.
#[derive(Debug, Serialize, Object)]
pub struct OAuthRequestClient {
    /// `app_…`
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// Whether a person registered it; false for a client that registered itself.
    pub verified: bool,
    /// Whether it is the operator's own.
    pub first_party: bool,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_page: Option<String>,
    /// Where its logo is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
}

/// The API of a request.
#[derive(Debug, Serialize, Object)]
pub struct OAuthRequestApi {
    /// The slug.
    pub slug: String,
    /// The name.
    pub name: String,
}

/// A requested scope.
#[derive(Debug, Serialize, Object)]
pub struct OAuthRequestScope {
    /// The name.
    pub name: String,
    /// What it allows.
    pub description: String,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Enum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum OAuthAnswer {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// What the person decided.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct OAuthDecision {
    /// Yes or no.
    pub decision: OAuthAnswer,
    /// To what of it; all, where nothing is said.
    pub scopes: Option<Vec<String>>,
}

/// The redirect target with the response.
#[derive(Debug, Serialize, Object)]
pub struct OAuthDecided {
    /// An address of the client.
    pub redirect_to: String,
}

impl OAuthRequest {
    fn of(shown: PendingView) -> Self {
        let client = shown.client;
        Self {
            client: OAuthRequestClient {
                client_id: client.id.to_string(),
                verified: !client.dynamic,
                first_party: client.is_first_party(),
                logo: client.logo_at.map(|at| format!("/v1/clients/{}/logo?at={}", client.id, at.millis())),
                home_page: client.home_page,
                name: client.name,
            },
            api: OAuthRequestApi { slug: shown.api.slug.clone(), name: shown.api.name.clone() },
            scopes: shown
                .scopes
                .into_iter()
                .map(|(name, description)| OAuthRequestScope { name: name.to_string(), description })
                .collect(),
            redirect_host: shown.redirect_host,
            redirect_is_local: shown.redirect_is_local,
            login_hint: shown.login_hint,
            sign_in_required: shown.sign_in_required,
            consent_required: shown.consent_required,
            expires_at: shown.expires_at.to_string(),
        }
    }
}

#[OpenApi(tag = "Tag::Grants")]
impl RequestsApi {
    /// Get an authorization request
    ///
    /// Answered to the browser that the app sent here, signed in or not.
    #[oai(path = "/v1/oauth/requests/:id", method = "get")]
    async fn get(&self, anyone: Anyone, request: &Request, id: Path<String>) -> Result<Json<OAuthRequest>> {
        let call = anyone.0;
        let shown = requests::show(&call, &id.0, browser(&call.services, request)).await?;
        Ok(Json(OAuthRequest::of(shown)))
    }

    /// Answer an app
    ///
    /// For the session of the browser that the app redirected. The response holds the redirect target.
    #[oai(path = "/v1/oauth/requests/:id", method = "post")]
    async fn decide(
        &self,
        account: OwnAccount,
        request: &Request,
        id: Path<String>,
        body: Json<OAuthDecision>,
    ) -> Result<Json<OAuthDecided>> {
        let person = account.0;
        let chosen = body.0.scopes.map(|names| scopes::parse(&names.join(" ")));
        let decision = match body.0.decision {
            OAuthAnswer::Allow => Decision::Allow(chosen),
            OAuthAnswer::Deny => Decision::Deny,
        };
        let redirect = requests::decide(&person, &id.0, browser(&person.services, request), decision).await?;
        Ok(Json(OAuthDecided { redirect_to: location(&redirect) }))
    }
}
