//! Liveness of a credential: one rule for keys, tokens, sessions and authorizations.

use super::{Timestamp, VerifyCode};

/// State of a credential and its dependencies, in one committed state of the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Liveness {
    /// Whether it, or what it was issued under, was revoked.
    pub revoked: bool,
    /// Whether its user or its client, or itself, is disabled or deleted.
    pub disabled: bool,
    /// Expiry; none if it does not expire.
    pub expires_at: Option<Timestamp>,
}

impl Liveness {
    /// Reason why it is not live at `now`; none while it is live. At the exact moment of its expiry it has expired.
    pub fn ended(&self, now: Timestamp) -> Option<VerifyCode> {
        if self.revoked {
            Some(VerifyCode::Revoked)
        } else if self.disabled {
            Some(VerifyCode::Disabled)
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Some(VerifyCode::Expired)
        } else {
            None
        }
    }

    /// Whether it is live at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended(now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_is_given_and_an_end_counts_from_its_moment() {
        let now = Timestamp::from_seconds(1_000);
        let live = Liveness { expires_at: Some(now.plus_millis(1)), ..Liveness::default() };
        assert_eq!(live.ended(now), None);
        assert!(Liveness::default().is_live(Timestamp::MAX));
        let ended = Liveness { expires_at: Some(now), ..live };
        assert_eq!(ended.ended(now), Some(VerifyCode::Expired));
        assert!(!ended.is_live(now));
        assert_eq!(Liveness { disabled: true, ..ended }.ended(now), Some(VerifyCode::Disabled));
        assert_eq!(Liveness { disabled: true, revoked: true, ..ended }.ended(now), Some(VerifyCode::Revoked));
    }
}
