//! Activity of OAuth.

use serde_json::json;

use super::error::{ErrorCode, OAuthError};
use crate::domain::identity::access::Call;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Client, ClientType, ScopeSet};
use crate::store::oauth_tokens::Authorization;

/// An entry for a decision about an authorization, with its subjects.
pub(super) fn about(call: &Call, kind: Kind, outcome: Outcome, reason: Reason, of: &Authorization) -> Entry {
    Entry {
        outcome,
        reason,
        api_no: Some(of.api_no),
        client_no: Some(of.client.0),
        grant_no: Some(of.grant.0),
        user_no: Some(of.user.0),
        session_no: of.session.map(|(no, _)| no),
        ..call.entry(kind)
    }
}

/// Logs a token issued by `grant`, with its scopes.
pub(super) fn issued(entry: Entry, grant: &str, scopes: &ScopeSet) -> Entry {
    let detail = json!({ "grant_type": grant, "scope": scopes.to_string() });
    Entry { outcome: Outcome::Allowed, reason: Reason::Valid, detail: Some(Box::new(detail)), ..entry }
}

/// Whether a call as `client` is authenticated. A self-registered client counts as any caller.
fn proves_itself(client: &Client) -> bool {
    client.kind == ClientType::Confidential && !client.dynamic
}

/// Logs a refused call of an OAuth endpoint. A public client sends only its id, so it does not identify the caller.
pub(super) fn refused(call: &Call, kind: Kind, client: Option<&Client>, error: &OAuthError) {
    let reason = match error.code {
        ErrorCode::InvalidClient => Reason::InvalidCredentials,
        ErrorCode::InvalidGrant | ErrorCode::InvalidToken => Reason::InvalidToken,
        ErrorCode::InvalidScope | ErrorCode::InsufficientScope => Reason::InsufficientScope,
        ErrorCode::InvalidTarget => Reason::WrongApi,
        ErrorCode::UnauthorizedClient => Reason::Forbidden,
        ErrorCode::AccessDenied => Reason::Denied,
        // Errors without a decision are not logged.
        ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable | ErrorCode::TooManyRequests => return,
        _ => Reason::InvalidRequest,
    };
    let detail = json!({ "error": error.code.as_str(), "error_description": error.description });
    // The refusal is sent whether or not its row fits into the log's buffer.
    let _ = call.services.log.push(Entry {
        outcome: Outcome::Refused,
        reason,
        identified: client.is_some_and(proves_itself),
        client_no: client.map(|client| client.no),
        detail: Some(Box::new(detail)),
        ..call.entry(kind)
    });
}
