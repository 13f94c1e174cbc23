//! The team: people, invitations, and the current caller.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use super::auth::address;
use crate::domain::idempotency::{Answer, IdempotentRequest};
use crate::domain::identity::access::{TeamManage, TeamRead};
use crate::domain::identity::admission::AnyCredential;
use crate::domain::identity::users;
use crate::domain::identity::users::account;
use crate::domain::identity::users::account::{CreatedInvitation, Invitation, Invite};
use crate::domain::identity::users::profile::About;
use crate::domain::identity::users::{Changes, NewUser, profile};
use crate::error::Error;
use crate::http::Result;
use crate::http::auth::{Admitted, Allowed, OwnAccount};
use crate::http::json::{Created, Json, NoContent};
use crate::model::IdentityKind;
use crate::model::{InvitationId, Role, Secret, User, UserId};

/// People and invitations.
pub struct UsersApi;

/// A person.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct UserView {
    /// `usr_…`.
    id: String,
    /// Where mail reaches them; what they sign in with.
    email: String,
    /// What others call them.
    name: String,
    /// `owner`, `admin`, `developer`, `viewer` or `member`.
    role: String,
    /// Whether a link in a mail to them was followed.
    email_verified: bool,
    /// Whether they are kept from signing in.
    disabled: bool,
    /// Whether sign-in needs a second factor.
    second_factor: bool,
    /// When they last used a session, to the minute; absent when that is longer ago than sessions are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active_at: Option<String>,
    /// When they were added.
    created_at: String,
    /// When they were last changed.
    updated_at: String,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.clone(),
            role: user.role.to_string(),
            email_verified: user.email_verified_at.is_some(),
            disabled: user.disabled_at.is_some(),
            second_factor: user.second_factor,
            last_active_at: user.last_active_at.map(|at| at.to_string()),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
        }
    }
}

/// A page of people.
#[derive(Serialize, Deserialize, Object)]
pub struct UserList {
    /// The people.
    data: Vec<UserView>,
    /// Give it back as `cursor` for the next page; null after the last one.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

/// A person to add without an invitation.
#[derive(Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewUserRequest {
    /// Their address.
    email: String,
    /// What others call them.
    #[oai(nullable)]
    name: Option<String>,
    /// `owner`, `admin`, `developer`, `viewer` or `member`.
    role: String,
    /// Their password: 8 to 256 characters, hard to guess. Without one they need a reset link.
    #[oai(nullable)]
    password: Option<String>,
}

/// Changes of a person.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// What others call them.
    name: Option<String>,
    /// `owner`, `admin`, `developer`, `viewer` or `member`.
    role: Option<String>,
    /// Whether they are kept from signing in; it ends their sessions.
    disabled: Option<bool>,
}

/// A link to set a new password, shown once.
#[derive(Serialize, Deserialize, Object)]
pub struct LinkResponse {
    /// Hand it over; it works once, for an hour.
    link: String,
}

/// An invitation.
#[derive(Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct InvitationRequest {
    /// Their address.
    email: String,
    /// `owner`, `admin`, `developer`, `viewer` or `member`.
    role: String,
}

/// An open invitation.
#[derive(Serialize, Deserialize, Object)]
pub struct InvitationView {
    /// `inv_…`.
    id: String,
    /// The invited address.
    email: String,
    /// As what.
    role: String,
    /// The inviting person.
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_by: Option<String>,
    /// When.
    created_at: String,
    /// Until when its link works.
    expires_at: String,
    /// The page that takes it up; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl From<&Invitation> for InvitationView {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.to_string(),
            role: invitation.role.to_string(),
            invited_by: invitation.invited_by.map(|id| id.to_string()),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
            link: None,
        }
    }
}

/// A page of invitations.
#[derive(Serialize, Deserialize, Object)]
pub struct InvitationList {
    /// The invitations.
    data: Vec<InvitationView>,
    /// Give it back as `cursor` for the next page; null after the last one.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

/// Facts about the person of a credential.
#[derive(Default, Serialize, Deserialize, Object)]
pub struct ProfileUser {
    /// `usr_…`.
    id: String,
    /// The address; for a session, and for a token with `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Whether a link in a mail to the address was followed; as `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// The name; for a session, and for a token with `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The role; for a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Whether sign-in needs a second factor; for a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    second_factor: Option<bool>,
    /// When the person was added; for a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
}

impl ProfileUser {
    fn of(id: UserId, about: About) -> Option<Self> {
        let id = id.to_string();
        Some(match about {
            About::Nothing => return None,
            About::Claims { email, name } => {
                let (email, email_verified) = email.unzip();
                Self {
                    id,
                    email: email.map(|email| email.to_string()),
                    email_verified,
                    name,
                    ..Self::default()
                }
            }
            About::Everything(user) => Self {
                id,
                email: Some(user.email.to_string()),
                email_verified: Some(user.email_verified_at.is_some()),
                role: Some(user.role.to_string()),
                second_factor: Some(user.second_factor),
                created_at: Some(user.created_at.to_string()),
                name: Some(user.name),
            },
        })
    }
}

/// The current caller.
#[derive(Serialize, Deserialize, Object)]
pub struct ProfileView {
    /// `key`, `token`, `session` or `operator`.
    kind: String,
    /// The person, when the credential acts for one.
    #[oai(nullable)]
    user_id: Option<String>,
    /// Facts about the person: for a session all, for a token those that its scopes `email` and
    /// `profile` give.
    #[oai(nullable)]
    user: Option<ProfileUser>,
    /// The key, when it is one.
    #[oai(nullable)]
    key_id: Option<String>,
    /// The OAuth client of a token.
    #[oai(nullable)]
    client_id: Option<String>,
    /// The session, when there is one.
    #[oai(nullable)]
    session_id: Option<String>,
    /// Slug of the API that the credential is for.
    #[oai(nullable)]
    api: Option<String>,
    /// The scopes that it holds there now.
    scopes: Vec<String>,
}

/// A change of one's own profile.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ProfilePatch {
    /// What others call one.
    name: Option<String>,
}

#[OpenApi(tag = "Tag::Team")]
impl UsersApi {
    /// List people
    #[oai(path = "/v1/users", method = "get")]
    async fn list(
        &self,
        can: Allowed<TeamRead>,
        #[doc = "Only people of this role."] role: Query<Option<String>>,
        #[doc = "Part of a name or address."] q: Query<Option<String>>,
        #[doc = "Where the last page ended."] cursor: Query<Option<String>>,
        #[doc = "1 to 200, default 50."] limit: Query<Option<u32>>,
    ) -> Result<Json<UserList>> {
        let role = role.0.as_deref().map(parse_role).transpose()?;
        let page = users::list(&can.0, role, q.0, cursor.0.as_deref(), limit.0).await?;
        let data = page.data.iter().map(UserView::from).collect();
        Ok(Json(UserList { data, next_cursor: page.next_cursor }))
    }

    /// Add a person without an invitation
    #[oai(path = "/v1/users", method = "post")]
    async fn create(
        &self,
        can: Allowed<TeamManage>,
        #[oai(name = "Idempotency-Key")] key: Header<Option<String>>,
        body: Json<NewUserRequest>,
    ) -> Result<Created<UserView>> {
        let asked = &body.0;
        let new = NewUser {
            email: address(&asked.email)?,
            name: asked.name.clone(),
            role: parse_role(&asked.role)?,
            password: asked.password.clone().map(Secret::new),
        };
        let once =
            IdempotentRequest { route: "POST /v1/users", key: key.0.as_deref(), answer: Answer::Plain };
        let (can, new) = (can.0.clone(), users::prepare(&can.0, new).await?);
        let call = can.clone();
        let view =
            call.once(once, asked, move |tx| Ok(UserView::from(&users::create(tx, &can, new.clone())?)));
        Ok(Created(view.await?))
    }

    /// Get a person
    #[oai(path = "/v1/users/:id", method = "get")]
    async fn get(&self, can: Allowed<TeamRead>, id: Path<String>) -> Result<Json<UserView>> {
        Ok(Json((&users::get(&can.0, user_id(&id.0)?).await?).into()))
    }

    /// Change a person
    ///
    /// It takes effect with their next request. The last owner who can sign in keeps the role (409).
    #[oai(path = "/v1/users/:id", method = "patch")]
    async fn update(
        &self,
        can: Allowed<TeamManage>,
        id: Path<String>,
        body: Json<UserPatch>,
    ) -> Result<Json<UserView>> {
        let UserPatch { name, role, disabled } = body.0;
        let changes = Changes { name, role: role.as_deref().map(parse_role).transpose()?, disabled };
        Ok(Json((&users::update(&can.0, user_id(&id.0)?, changes).await?).into()))
    }

    /// Remove a person
    ///
    /// Their keys are revoked and their sessions end; their activity is kept.
    #[oai(path = "/v1/users/:id", method = "delete")]
    async fn delete(&self, can: Allowed<TeamManage>, id: Path<String>) -> Result<NoContent> {
        users::delete(&can.0, user_id(&id.0)?).await?;
        Ok(NoContent)
    }

    /// Create a link to set a new password
    #[oai(path = "/v1/users/:id/reset-password", method = "post")]
    async fn reset(&self, can: Allowed<TeamManage>, id: Path<String>) -> Result<Created<LinkResponse>> {
        let link = users::reset_link(&can.0, user_id(&id.0)?).await?;
        Ok(Created(LinkResponse { link: link.expose().to_owned() }))
    }

    /// List open invitations
    #[oai(path = "/v1/invitations", method = "get")]
    async fn invitations(
        &self,
        can: Allowed<TeamRead>,
        #[doc = "Where the last page ended."] cursor: Query<Option<String>>,
        #[doc = "1 to 200, default 50."] limit: Query<Option<u32>>,
    ) -> Result<Json<InvitationList>> {
        let page = account::invitations_list(&can.0, cursor.0.as_deref(), limit.0).await?;
        let data = page.data.iter().map(InvitationView::from).collect();
        Ok(Json(InvitationList { data, next_cursor: page.next_cursor }))
    }

    /// Invite a person
    ///
    /// The link is shown once, and mailed.
    #[oai(path = "/v1/invitations", method = "post")]
    async fn invite(
        &self,
        can: Allowed<TeamManage>,
        #[oai(name = "Idempotency-Key")] key: Header<Option<String>>,
        body: Json<InvitationRequest>,
    ) -> Result<Created<InvitationView>> {
        let invite = Invite { email: address(&body.0.email)?, role: parse_role(&body.0.role)? };
        let once = IdempotentRequest {
            route: "POST /v1/invitations",
            key: key.0.as_deref(),
            answer: Answer::Secret,
        };
        let can = can.0.clone();
        let call = can.clone();
        let view = call.once(once, &body.0, move |tx| {
            let CreatedInvitation { invitation, link } = account::invite(tx, &can, invite.clone())?;
            let view = InvitationView::from(&invitation);
            Ok(InvitationView { link: Some(link.expose().to_owned()), ..view })
        });
        Ok(Created(view.await?))
    }

    /// Withdraw an invitation
    #[oai(path = "/v1/invitations/:id", method = "delete")]
    async fn withdraw(&self, can: Allowed<TeamManage>, id: Path<String>) -> Result<NoContent> {
        let id: InvitationId = id.0.parse().map_err(|_| Error::not_found("invitation"))?;
        account::withdraw(&can.0, id).await?;
        Ok(NoContent)
    }

    /// Get the current caller
    ///
    /// For a key, an access token and a session, of any API of this instance. A key learns ids and its own scopes; a
    /// token also what its scopes `email` and `profile` give; a session everything about its person.
    #[oai(path = "/v1/user/profile", method = "get")]
    async fn profile(&self, who: Admitted<AnyCredential>) -> Result<Json<ProfileView>> {
        let profile = profile::describe(&who.0.services, &who.0.identity)?;
        Ok(Json(ProfileView {
            kind: kind(profile.kind).to_owned(),
            user_id: profile.user_id.map(|id| id.to_string()),
            user: profile.user_id.and_then(|id| ProfileUser::of(id, profile.about)),
            key_id: profile.key_id.map(|id| id.to_string()),
            client_id: profile.client_id.map(|id| id.to_string()),
            session_id: profile.session_id.map(|id| id.to_string()),
            api: profile.api,
            scopes: profile.scopes.iter().map(ToString::to_string).collect(),
        }))
    }

    /// Change one's own name
    #[oai(path = "/v1/user/profile", method = "patch")]
    async fn rename(&self, account: OwnAccount, body: Json<ProfilePatch>) -> Result<Json<UserView>> {
        Ok(Json((&profile::rename(&account.0, body.0.name).await?).into()))
    }
}

const fn kind(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Anonymous => "anonymous",
        IdentityKind::Key => "key",
        IdentityKind::Token => "token",
        IdentityKind::Session => "session",
        IdentityKind::Operator => "operator",
    }
}

fn parse_role(text: &str) -> std::result::Result<Role, Error> {
    text.parse().map_err(|()| Error::invalid("role", "Use one of: owner, admin, developer, viewer, member."))
}

fn user_id(text: &str) -> std::result::Result<UserId, Error> {
    text.parse().map_err(|_| Error::not_found("user"))
}
