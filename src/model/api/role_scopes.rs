//! Scopes of each role on an API.

use serde::{Deserialize, Serialize};

use crate::model::members::{present, with_members};
use crate::model::{Role, ScopeSet};

with_members! { $ role_scopes_members
/// Scopes of each role on an API. A role that is left out holds all scopes if it is `owner` or `admin`, otherwise none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleScopes {
    /// Owners.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub owner: Option<ScopeSet>,
    /// Admins.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub admin: Option<ScopeSet>,
    /// Developers.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub developer: Option<ScopeSet>,
    /// Viewers.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub viewer: Option<ScopeSet>,
    /// Members: ordinary end users.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub member: Option<ScopeSet>,
}
}

impl RoleScopes {
    /// Scopes of a role; none if it is left out.
    pub const fn get(&self, role: Role) -> Option<&ScopeSet> {
        match role {
            Role::Owner => self.owner.as_ref(),
            Role::Admin => self.admin.as_ref(),
            Role::Developer => self.developer.as_ref(),
            Role::Viewer => self.viewer.as_ref(),
            Role::Member => self.member.as_ref(),
        }
    }

    /// Roles with scopes, from most to least.
    pub fn iter(&self) -> impl Iterator<Item = (Role, &ScopeSet)> {
        Role::ALL.iter().filter_map(|&role| Some((role, self.get(role)?)))
    }

    /// The part for one role.
    #[must_use]
    pub fn only(self, role: Role) -> Self {
        let none = Self::default();
        match role {
            Role::Owner => Self { owner: self.owner, ..none },
            Role::Admin => Self { admin: self.admin, ..none },
            Role::Developer => Self { developer: self.developer, ..none },
            Role::Viewer => Self { viewer: self.viewer, ..none },
            Role::Member => Self { member: self.member, ..none },
        }
    }
}
