//! Signing in and everything that a person does about their own account.

use std::sync::Arc;

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use super::users::UserView;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Accepts, Admission as _, Person, Recent};
use crate::domain::identity::sessions;
use crate::domain::identity::sessions::{CookieSession, Login};
use crate::domain::identity::users::{account, factor, password};
use crate::error::Error;
use crate::http::Result;
use crate::http::auth::{Admitted, Anyone, OwnAccount, bearer, session_to_end};
use crate::http::cookie;
use crate::http::declared;
use crate::http::json::{self, Created, Json, NoContent};
use crate::http::qr;
use crate::model::{Email, Secret};

/// Signing in, out and up.
pub struct AuthApi;

/// Credentials of a sign-in by an app.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Their address.
    email: String,
    /// Their password.
    #[oai(validator(max_length = 1024))]
    password: String,
    /// A code of their authenticator app, or a recovery code, where they have a second factor.
    totp: Option<String>,
    /// Slug of the API that the token is for; the configured one unless given.
    api: Option<String>,
}

/// Credentials of a sign-in by a browser.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// Their address.
    email: String,
    /// Their password.
    password: String,
    /// A code of their authenticator app, or a recovery code, where they have a second factor.
    totp: Option<String>,
}

/// What an app gets (RFC 6749, section 5.1).
#[derive(Serialize, Deserialize, Object)]
pub struct TokenResponse {
    /// A JWT for the API (RFC 9068).
    access_token: String,
    /// Good once, for the next pair.
    refresh_token: String,
    /// Lifetime of the access token, in seconds.
    expires_in: u32,
    /// `Bearer`.
    token_type: String,
}

/// A refresh token.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The one that came with the last access token.
    refresh_token: String,
}

/// A new session of a browser.
#[derive(Serialize, Deserialize, Object)]
pub struct SessionResponse {
    /// Who is signed in.
    user: UserView,
    /// Send it as `X-CSRF-Token` with every request that changes anything.
    csrf_token: String,
}

/// The session that a browser has.
#[derive(Serialize, Deserialize, Object)]
pub struct CurrentSession {
    /// Who is signed in.
    user: UserView,
    /// For a browser: send it as `X-CSRF-Token` with every request that changes anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// What they may do on Keywright's own API.
    scopes: Vec<String>,
    /// Whether a second factor must be set up, or shown, before this session may do anything else.
    second_factor_missing: bool,
}

/// What the person of a session proves who they are with.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The password.
    password: String,
    /// A code of the authenticator app, or a recovery code, where the person has a second factor.
    totp: Option<String>,
}

/// What was shown in a session.
#[derive(Serialize, Deserialize, Object)]
pub struct ConfirmedSession {
    /// How the person proved who they are (RFC 8176): `pwd`, `otp`.
    amr: Vec<String>,
    /// When they did.
    auth_time: String,
}

/// The first owner.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// What the one-time link holds after `#token=`.
    token: String,
    /// Their address.
    email: String,
    /// Their password: 8 to 256 characters, hard to guess.
    password: String,
    /// What others call them.
    name: Option<String>,
}

/// A request for an account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SignupRequest {
    /// The address that the link is mailed to.
    email: String,
}

/// The token of a link that was mailed.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// What the link holds after `#token=`.
    token: String,
}

/// What a person who follows a link to a new account chooses.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// What the link holds after `#token=`.
    token: String,
    /// Their password: 8 to 256 characters, hard to guess.
    password: String,
    /// What others call them.
    name: Option<String>,
}

/// An address.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct EmailRequest {
    /// The address.
    email: String,
}

/// A new password, by a link.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// What the link holds after `#token=`.
    token: String,
    /// The new password: 8 to 256 characters, hard to guess.
    password: String,
}

/// A new password for the caller.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    /// The password until now.
    current_password: String,
    /// The new password: 8 to 256 characters, hard to guess.
    new_password: String,
}

/// The caller's password, once more.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The password.
    password: String,
}

/// A code of the app.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// Six digits.
    code: String,
}

/// The caller's password and second factor, once more.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct PasswordAndCodeRequest {
    /// The password.
    password: String,
    /// A code of the app, or a recovery code.
    code: String,
}

/// The state of the second factor.
#[derive(Serialize, Deserialize, Object)]
pub struct TotpStatus {
    /// Whether a code is asked for at sign-in.
    enabled: bool,
    /// Recovery codes that were not used yet.
    recovery_codes_left: u32,
}

/// A seed for an authenticator app, shown this once.
#[derive(Serialize, Deserialize, Object)]
pub struct TotpOffer {
    /// The seed in base32, for typing it in.
    secret: String,
    /// The same as an address that apps read.
    otpauth_uri: String,
    /// The same as a QR code: an SVG picture.
    qr_svg: String,
}

/// Recovery codes, each valid once. Shown once.
#[derive(Serialize, Deserialize, Object)]
pub struct RecoveryCodes {
    /// Ten of them.
    recovery_codes: Vec<String>,
}

/// The request was accepted. The outcome is sent by mail only.
#[derive(Serialize, Deserialize, Object)]
pub struct Accepted {
    /// `accepted`.
    status: String,
}

#[OpenApi(tag = "Tag::SignIn")]
impl AuthApi {
    /// Sign in an app
    ///
    /// Answers an access token for one API and a refresh token. 401 `INVALID_CREDENTIALS` is the same for an unknown
    /// address; 401 `MFA_REQUIRED` asks for `totp`; 429 `LOCKED_OUT` says when to try again.
    #[oai(path = "/v1/auth/login", method = "post")]
    async fn login(&self, anyone: Anyone, body: Json<LoginRequest>) -> Result<Json<TokenResponse>> {
        let LoginRequest { email, password, totp, api } = body.0;
        let login = Login { email, password: Secret::new(password), totp: totp.map(Secret::new) };
        Ok(Json(sessions::login(&anyone.0, login, api.as_deref()).await?.into()))
    }

    /// Exchange a refresh token
    ///
    /// Each works once; the same one again within 10 seconds gets the same answer while its successor is unused, later
    /// it ends the session.
    #[oai(path = "/v1/auth/refresh", method = "post")]
    async fn refresh(&self, anyone: Anyone, body: Json<RefreshRequest>) -> Result<Json<TokenResponse>> {
        let token = Secret::new(body.0.refresh_token);
        Ok(Json(sessions::refresh_tokens(&anyone.0, token).await?.into()))
    }

    /// Sign out an app
    ///
    /// Ends the session of the access token in `Authorization` and of the refresh token in the body; either is enough.
    #[oai(path = "/v1/auth/logout", method = "post")]
    async fn logout(&self, who: SigningOut) -> Result<NoContent> {
        sessions::sign_out(&who.call, who.refresh_token).await?;
        Ok(NoContent)
    }

    /// Sign in a browser
    ///
    /// Sets an HttpOnly cookie. Only pages of this instance may ask (`Origin`).
    #[oai(path = "/v1/auth/session", method = "post")]
    async fn create_session(&self, browser: Browser, body: Json<SessionRequest>) -> Result<SignedIn> {
        let SessionRequest { email, password, totp } = body.0;
        let login = Login { email, password: Secret::new(password), totp: totp.map(Secret::new) };
        let former = browser.cookie.as_deref();
        let session =
            sessions::sign_in_cookie(&browser.call, login, browser.origin.as_deref(), former).await?;
        Ok(SignedIn::new(&browser.call, session))
    }

    /// Get the session of this browser
    #[oai(path = "/v1/auth/session", method = "get")]
    async fn session(&self, account: OwnAccount, request: &Request) -> Result<Json<CurrentSession>> {
        let person = account.0;
        let cookie = match bearer(request.headers())? {
            None => cookie::get(&person.services, request.headers()),
            Some(_) => None,
        };
        let current = sessions::current(&person, cookie)?;
        Ok(Json(CurrentSession {
            user: (&current.user).into(),
            csrf_token: current.csrf_token,
            scopes: current.scopes.iter().map(ToString::to_string).collect(),
            second_factor_missing: current.second_factor_missing,
        }))
    }

    /// Confirm the sign-in
    ///
    /// Renews `auth_time` of the session that asks, by cookie or by access token. Some acts answer 403
    /// `REAUTHENTICATION_REQUIRED` without a sign-in of the last 15 minutes; send them again after this. Where the
    /// person has a second factor, `totp` is needed too. Guesses are slowed as at sign-in.
    #[oai(path = "/v1/auth/session/confirm", method = "post")]
    async fn confirm_session(
        &self,
        account: OwnAccount,
        body: Json<ConfirmRequest>,
    ) -> Result<Json<ConfirmedSession>> {
        let ConfirmRequest { password, totp } = body.0;
        let done = sessions::confirm(&account.0, Secret::new(password), totp.map(Secret::new)).await?;
        Ok(Json(ConfirmedSession {
            amr: done.amr.names().map(str::to_owned).collect(),
            auth_time: done.auth_time.to_string(),
        }))
    }

    /// Sign out a browser
    #[oai(path = "/v1/auth/session", method = "delete")]
    async fn delete_session(&self, account: OwnAccount) -> Result<SignedOut> {
        sessions::sign_out(&account.0, None).await?;
        Ok(SignedOut(cookie::clear(&account.0.services)))
    }

    /// Make the first owner
    ///
    /// With the one-time link that a server on an empty data directory prints. It works for an hour and dies with the
    /// first user.
    #[oai(path = "/v1/setup", method = "post")]
    async fn setup(&self, anyone: Anyone, body: Json<SetupRequest>) -> Result<SignedIn> {
        let SetupRequest { token, email, password, name } = body.0;
        let who = account::Registration { name, password: Secret::new(password) };
        let session = account::setup(&anyone.0, Secret::new(token), address(&email)?, who).await?;
        Ok(SignedIn::new(&anyone.0, session))
    }

    /// Ask for an account
    ///
    /// Where `signup` is `open`. The answer is the same whether the address has an account or not. A mail brings a link;
    /// name and password are chosen after following it.
    #[oai(path = "/v1/auth/signup", method = "post")]
    async fn signup(&self, anyone: Anyone, body: Json<SignupRequest>) -> Result<Asked> {
        account::sign_up(&anyone.0, address(&body.0.email)?).await?;
        Ok(Asked)
    }

    /// Confirm sign-up
    ///
    /// With the link of the mail; signs in.
    #[oai(path = "/v1/auth/signup/confirm", method = "post")]
    async fn confirm(&self, anyone: Anyone, body: Json<AcceptRequest>) -> Result<SignedIn> {
        let AcceptRequest { token, password, name } = body.0;
        let who = account::Registration { name, password: Secret::new(password) };
        let session = account::confirm(&anyone.0, Secret::new(token), who).await?;
        Ok(SignedIn::new(&anyone.0, session))
    }

    /// Accept an invitation
    #[oai(path = "/v1/auth/invitation/accept", method = "post")]
    async fn accept(&self, anyone: Anyone, body: Json<AcceptRequest>) -> Result<SignedIn> {
        let AcceptRequest { token, password, name } = body.0;
        let who = account::Registration { name, password: Secret::new(password) };
        let session = account::accept(&anyone.0, Secret::new(token), who).await?;
        Ok(SignedIn::new(&anyone.0, session))
    }

    /// Ask for a link that sets a new password
    ///
    /// The answer is the same for an unknown address.
    #[oai(path = "/v1/auth/password/forgot", method = "post")]
    async fn forgot(&self, anyone: Anyone, body: Json<EmailRequest>) -> Result<Asked> {
        password::forgot(&anyone.0, address(&body.0.email)?).await?;
        Ok(Asked)
    }

    /// Set a new password by a link
    ///
    /// Ends every session of the person and starts none.
    #[oai(path = "/v1/auth/password/reset", method = "post")]
    async fn reset(&self, anyone: Anyone, body: Json<ResetRequest>) -> Result<NoContent> {
        let ResetRequest { token, password: new } = body.0;
        password::reset(&anyone.0, Secret::new(token), Secret::new(new)).await?;
        Ok(NoContent)
    }

    /// Change one's own password
    ///
    /// Ends every session, including the current one; the response opens a new one for a browser.
    #[oai(path = "/v1/auth/password/change", method = "post")]
    async fn change(
        &self,
        account: Admitted<Recent<Person>>,
        body: Json<ChangePasswordRequest>,
    ) -> Result<SignedIn> {
        let ChangePasswordRequest { current_password, new_password } = body.0;
        let (current, new) = (Secret::new(current_password), Secret::new(new_password));
        let session = password::change(&account.0, current, new).await?;
        Ok(SignedIn::new(account.0.call(), session))
    }

    /// Ask for a link that confirms one's address
    #[oai(path = "/v1/auth/email/verification", method = "post")]
    async fn ask_verification(&self, account: OwnAccount) -> Result<Asked> {
        password::ask_verification(&account.0).await?;
        Ok(Asked)
    }

    /// Confirm an address by a link
    #[oai(path = "/v1/auth/email/verify", method = "post")]
    async fn verify_email(&self, anyone: Anyone, body: Json<LinkRequest>) -> Result<NoContent> {
        password::verify_email(&anyone.0, Secret::new(body.0.token)).await?;
        Ok(NoContent)
    }

    /// Get the state of the second factor
    #[oai(path = "/v1/auth/totp", method = "get")]
    async fn totp(&self, account: OwnAccount) -> Result<Json<TotpStatus>> {
        let factor::Status { enabled, recovery_codes_left } = factor::status(&account.0)?;
        Ok(Json(TotpStatus { enabled, recovery_codes_left }))
    }

    /// Get a seed for an authenticator app
    #[oai(path = "/v1/auth/totp/enrol", method = "post")]
    async fn enrol(&self, account: OwnAccount, body: Json<PasswordRequest>) -> Result<Json<TotpOffer>> {
        let offer = factor::enrol(&account.0, Secret::new(body.0.password)).await?;
        Ok(Json(TotpOffer {
            secret: offer.secret.expose().to_owned(),
            otpauth_uri: offer.uri.expose().to_owned(),
            qr_svg: qr::svg(&offer.uri),
        }))
    }

    /// Switch the second factor on
    ///
    /// Answers the recovery codes, this once.
    #[oai(path = "/v1/auth/totp/confirm", method = "post")]
    async fn confirm_totp(
        &self,
        account: OwnAccount,
        body: Json<CodeRequest>,
    ) -> Result<Json<RecoveryCodes>> {
        Ok(Json(factor::confirm(&account.0, Secret::new(body.0.code)).await?.into()))
    }

    /// Switch the second factor off
    #[oai(path = "/v1/auth/totp/disable", method = "post")]
    async fn disable_totp(
        &self,
        account: Admitted<Recent<Person>>,
        body: Json<PasswordAndCodeRequest>,
    ) -> Result<NoContent> {
        let PasswordAndCodeRequest { password, code } = body.0;
        factor::disable(&account.0, Secret::new(password), Secret::new(code)).await?;
        Ok(NoContent)
    }

    /// Regenerate recovery codes
    #[oai(path = "/v1/auth/totp/recovery-codes", method = "post")]
    async fn recovery_codes(
        &self,
        account: Admitted<Recent<Person>>,
        body: Json<PasswordAndCodeRequest>,
    ) -> Result<Json<RecoveryCodes>> {
        let PasswordAndCodeRequest { password, code } = body.0;
        let codes = factor::new_recovery_codes(&account.0, Secret::new(password), Secret::new(code)).await?;
        Ok(Json(codes.into()))
    }
}

/// An address out of a request.
pub(super) fn address(text: &str) -> std::result::Result<Email, Error> {
    text.parse().map_err(|error: crate::model::EmailError| Error::invalid("email", error.to_string()))
}

impl From<sessions::Tokens> for TokenResponse {
    fn from(tokens: sessions::Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().to_owned(),
            refresh_token: tokens.refresh_token.expose().to_owned(),
            expires_in: tokens.expires_in,
            token_type: "Bearer".to_owned(),
        }
    }
}

impl From<Vec<Secret>> for RecoveryCodes {
    fn from(codes: Vec<Secret>) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect() }
    }
}

/// `201` with a new session and its cookie.
pub struct SignedIn {
    body: SessionResponse,
    cookie: HeaderValue,
}

impl SignedIn {
    fn new(call: &Call, session: CookieSession) -> Self {
        let body = SessionResponse { user: (&session.user).into(), csrf_token: session.csrf_token };
        Self { body, cookie: cookie::set(&call.services, &session.cookie) }
    }
}

impl IntoResponse for SignedIn {
    fn into_response(self) -> Response {
        let mut response = Created(self.body).into_response();
        response.headers_mut().insert(header::SET_COOKIE, self.cookie);
        response
    }
}

impl ApiResponse for SignedIn {
    fn meta() -> MetaResponses {
        Created::<SessionResponse>::meta()
    }

    fn register(registry: &mut Registry) {
        <Created<SessionResponse> as ApiResponse>::register(registry);
    }
}

/// `204` that takes the cookie away.
pub struct SignedOut(HeaderValue);

impl IntoResponse for SignedOut {
    fn into_response(self) -> Response {
        let mut response = NoContent.into_response();
        response.headers_mut().insert(header::SET_COOKIE, self.0);
        response
    }
}

impl ApiResponse for SignedOut {
    fn meta() -> MetaResponses {
        NoContent::meta()
    }

    fn register(_: &mut Registry) {}
}

/// `202`: accepted.
pub struct Asked;

impl IntoResponse for Asked {
    fn into_response(self) -> Response {
        let mut response = Json(Accepted { status: "accepted".to_owned() }).into_response();
        response.set_status(poem::http::StatusCode::ACCEPTED);
        response
    }
}

impl ApiResponse for Asked {
    fn meta() -> MetaResponses {
        let mut meta = Json::<Accepted>::meta();
        for response in &mut meta.responses {
            response.status = Some(202);
            response.description = "Accepted";
        }
        meta
    }

    fn register(registry: &mut Registry) {
        <Json<Accepted> as ApiResponse>::register(registry);
    }
}

/// A call of a page without a caller: its cookie and origin.
pub struct Browser {
    call: Arc<Call>,
    cookie: Option<String>,
    origin: Option<String>,
}

impl<'a> ApiExtractor<'a> for Browser {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        declared::words(Accepts::Public, false)
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let call = Anyone::from_request(request, body, options).await?.0;
        let cookie = cookie::get(&call.services, request.headers()).map(str::to_owned);
        Ok(Self { cookie, origin: request.header(header::ORIGIN).map(str::to_owned), call })
    }
}

/// The session to sign out: by an access token, a refresh token, or both.
pub struct SigningOut {
    call: Arc<Call>,
    refresh_token: Option<Secret>,
}

impl<'a> ApiExtractor<'a> for SigningOut {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::RequestObject, ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        RefreshRequest::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        declared::words(Accepts::Public, false)
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            MetaMediaType { content_type: "application/json", schema: RefreshRequest::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let known = session_to_end(request);
        let refresh_token = if request.header(header::CONTENT_TYPE).is_some() {
            let bytes = json::read(request, body, json::BODY_BYTES).await?;
            Some(Secret::new(json::parse::<RefreshRequest>(&bytes)?.refresh_token))
        } else {
            None
        };
        let call = match known {
            Some(call) => call,
            None => Anyone::from_request(request, body, options).await?.0,
        };
        Ok(Self { call, refresh_token })
    }
}
