//! Roles of people on this instance.

use serde::{Deserialize, Serialize};

/// From most to fewest rights. Each API defines the scopes of each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// All rights, including those over owners.
    Owner,
    /// All rights except over owners.
    Admin,
    /// Reads everything; creates keys and OAuth clients.
    Developer,
    /// Reads everything.
    Viewer,
    /// An ordinary end user: only their own data.
    Member,
}

impl Role {
    /// Every role, from most to fewest rights.
    pub const ALL: &[Self] = &[Self::Owner, Self::Admin, Self::Developer, Self::Viewer, Self::Member];

    /// Public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
            Self::Member => "member",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name_in_text_and_json() {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        assert_eq!(names, ["owner", "admin", "developer", "viewer", "member"]);
        for &role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("Owner".parse::<Role>(), Err(()));
        assert!(Role::ALL.is_sorted(), "from most to least");
    }
}
