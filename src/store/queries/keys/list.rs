//! Keys by what they are, newest first.

use super::{SELECT, read, with_secrets};
use crate::model::{ApiKey, Environment, KeyId, KeyStatus, Timestamp};
use crate::store::{Conn, Error, ToSql};

/// Which keys; every member narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this API.
    pub api_no: Option<i64>,
    /// For this customer.
    pub owner: Option<String>,
    /// This person's own.
    pub user_no: Option<i64>,
    /// Of this environment.
    pub environment: Option<Environment>,
    /// In this state at the given time.
    pub status: Option<StatusAt>,
    /// With this in name or owner, or with this id, start or end.
    pub q: Option<String>,
    /// Made before this time.
    pub created_before: Option<Timestamp>,
    /// Made before this key.
    pub before: Option<KeyId>,
}

/// A state and the times that bound it.
#[derive(Debug, Clone, Copy)]
pub struct StatusAt {
    /// The state.
    pub status: KeyStatus,
    /// When it is asked for.
    pub now: Timestamp,
    /// Keys that end before this are about to expire.
    pub soon: Timestamp,
    /// Keys that nobody used since this are unused, those without a newer secret unrotated.
    pub long_ago: Timestamp,
}

/// At most `limit` keys that fit, newest first, with their secrets.
pub fn list(conn: &Conn<'_>, filter: &Filter, limit: u32) -> Result<Vec<ApiKey>, Error> {
    let mut query = Query::default();
    query.filter(filter);
    let limit = query.value(i64::from(limit));
    let sql = format!("{SELECT} WHERE {} ORDER BY k.no DESC LIMIT {limit}", query.conditions());
    let values: Vec<&dyn ToSql> = query.values.iter().map(AsRef::as_ref).collect();
    let keys = conn.all(&sql, &values, read)?;
    keys.into_iter().map(|key| with_secrets(conn, key)).collect()
}

#[derive(Default)]
struct Query {
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Query {
    /// Adds a value and tells its placeholder.
    fn value(&mut self, value: impl ToSql + 'static) -> String {
        self.values.push(Box::new(value));
        format!("?{}", self.values.len())
    }

    fn conditions(&self) -> String {
        if self.conditions.is_empty() { "1 = 1".to_owned() } else { self.conditions.join(" AND ") }
    }

    /// `column operator value`, where there is a value.
    fn compare(&mut self, comparison: &str, value: Option<impl ToSql + 'static>) {
        if let Some(value) = value {
            let placeholder = self.value(value);
            self.conditions.push(format!("{comparison} {placeholder}"));
        }
    }

    fn filter(&mut self, filter: &Filter) {
        self.compare("k.api_no =", filter.api_no);
        self.compare("k.owner =", filter.owner.clone());
        self.compare("k.user_no =", filter.user_no);
        self.compare("k.environment =", filter.environment.map(Environment::as_str));
        self.compare("k.created_at <", filter.created_before.map(Timestamp::millis));
        if let Some(before) = filter.before {
            let before = self.value(before.to_string());
            self.conditions.push(format!("k.no < (SELECT no FROM keys WHERE id = {before})"));
        }
        if let Some(wanted) = filter.status {
            self.status(wanted);
        }
        if let Some(text) = &filter.q {
            self.text(text);
        }
    }

    fn status(&mut self, wanted: StatusAt) {
        if wanted.status == KeyStatus::Revoked {
            return self.conditions.push("k.revoked_at IS NOT NULL".to_owned());
        }
        self.conditions.push("k.revoked_at IS NULL".to_owned());
        if wanted.status == KeyStatus::Disabled {
            return self.conditions.push("k.disabled_at IS NOT NULL".to_owned());
        }
        self.conditions.push("k.disabled_at IS NULL".to_owned());
        let now = self.value(wanted.now.millis());
        if wanted.status == KeyStatus::Expired {
            return self.conditions.push(format!("k.expires_at <= {now}"));
        }
        self.conditions.push(format!("(k.expires_at IS NULL OR k.expires_at > {now})"));
        match wanted.status {
            KeyStatus::Expiring => self.compare("k.expires_at <=", Some(wanted.soon.millis())),
            KeyStatus::Unused => {
                let long_ago = self.value(wanted.long_ago.millis());
                self.conditions.push(format!("(g.last_used_at IS NULL OR g.last_used_at < {long_ago})"));
            }
            KeyStatus::Unrotated => {
                let long_ago = self.value(wanted.long_ago.millis());
                self.conditions.push(format!(
                    "NOT EXISTS (SELECT 1 FROM key_secrets s WHERE s.key_no = k.no AND s.created_at >= {long_ago})"
                ));
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let exact = self.value(text.to_owned());
        let escaped = text.to_ascii_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let part = self.value(format!("%{escaped}%"));
        self.conditions.push(format!(
            "(k.id = {exact} OR lower(k.name) LIKE {part} ESCAPE '\\' OR lower(k.owner) LIKE {part} ESCAPE '\\'
              OR EXISTS (SELECT 1 FROM key_secrets s WHERE s.key_no = k.no
                         AND (s.start = {exact} OR s.\"end\" = {exact})))"
        ));
    }
}
