//! What a commit changes of what is held in memory, as data.
//!
//! Each writing query names what it touches ([`super::Tx::touch`]). The writer drops it from memory after COMMIT and
//! before the job is answered. A job that wrote a table held in memory and named nothing for it has touched
//! [`Touched::Everything`].

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::SecretHash;

/// A thing that was changed. Numbers are those of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Touched {
    /// The API key with this secret.
    Key(SecretHash),
    /// An API with its scopes, presets, tiers and routes.
    Api(i64),
    /// A person: role, state, second factor.
    User(i64),
    /// What a person allowed a client.
    Grant(i64),
    /// A session.
    Session(i64),
    /// A family of refresh tokens.
    Family(i64),
    /// One access token, by its `jti`.
    Token(Box<str>),
    /// An OAuth client with its access and secrets.
    Client(i64),
    /// The keys that tokens are signed with.
    SigningKeys,
    /// The settings that are changed while the server runs.
    Settings,
    /// Anything.
    Everything,
}

/// What must be named when a row of a table is written; none for a table that is not held in memory.
type Covers = Option<fn(&Touched) -> bool>;

macro_rules! kinds {
    ($($kind:ident)|+) => { Some(|touched| matches!(touched, $(kinds!(@ $kind))|+)) };
    (@ SigningKeys) => { Touched::SigningKeys };
    (@ Settings) => { Touched::Settings };
    (@ $kind:ident) => { Touched::$kind(_) };
}

/// Every table of `schema.sql`.
const TABLES: &[(&str, Covers)] = &[
    ("apis", kinds!(Api)),
    ("scopes", kinds!(Api)),
    ("presets", kinds!(Api)),
    ("tiers", kinds!(Api)),
    ("routes", kinds!(Api)),
    ("keys", kinds!(Key)),
    ("key_secrets", kinds!(Key)),
    ("users", kinds!(User)),
    ("totp", kinds!(User)),
    ("sessions", kinds!(Session | User)),
    ("refresh_families", kinds!(Family | Grant | Session | User)),
    ("authorizations", kinds!(Family | Grant)),
    ("grants", kinds!(Grant)),
    ("revoked_tokens", kinds!(Token)),
    ("clients", kinds!(Client)),
    ("client_access", kinds!(Client)),
    ("client_secrets", kinds!(Client)),
    ("signing_keys", kinds!(SigningKeys)),
    ("settings", kinds!(Settings)),
    ("instance", None),
    ("recovery_codes", None),
    ("refresh_tokens", None),
    ("invitations", None),
    ("one_time_links", None),
    ("oauth_requests", None),
    // Memory holds newer values than these two tables, and writes them.
    ("key_usage", None),
    ("activity", None),
    ("activity_strings", None),
    ("activity_index", None),
    ("activity_segments", None),
    ("activity_links", None),
    ("activity_runs", None),
    ("activity_counts", None),
    ("idempotency", None),
    ("login_throttle", None),
    ("rate_limits", None),
    ("queue", None),
    ("job_states", None),
];

/// Tables with rows in memory that a job wrote, as it goes on.
#[derive(Debug, Default)]
pub(super) struct Writes {
    covers: Vec<fn(&Touched) -> bool>,
    unknown: bool,
    pub(super) touched: Vec<Touched>,
}

impl Writes {
    /// Notes that `sql` has changed rows.
    pub(super) fn wrote(&mut self, sql: &str) {
        match table_of(sql).and_then(|table| TABLES.iter().find(|(name, _)| *name == table)) {
            Some((_, None)) => {}
            Some((_, Some(covers))) => {
                if !self.covers.iter().any(|known| std::ptr::fn_addr_eq(*known, *covers)) {
                    self.covers.push(*covers);
                }
            }
            None => self.unknown = true,
        }
    }

    /// What the job touched, once it is done.
    pub(super) fn settle(self) -> Vec<Touched> {
        let named = |covers: &fn(&Touched) -> bool| self.touched.iter().any(covers);
        if self.unknown || !self.covers.iter().all(named) {
            return vec![Touched::Everything];
        }
        self.touched
    }
}

/// The table that a statement writes.
fn table_of(sql: &str) -> Option<&str> {
    let mut words = sql.split_ascii_whitespace();
    match words.next()? {
        "UPDATE" => words.next(),
        "INSERT" | "DELETE" => words.nth(1),
        _ => None,
    }
}

/// Slots of [`Epochs`]. Two things in one slot drop each other from memory, which costs a read.
const SLOTS: usize = 8_192;

/// When each thing was last changed, as numbers of changes.
pub struct Epochs {
    slots: Box<[AtomicU64]>,
    everything: AtomicU64,
}

/// Where [`Epochs`] counts a thing.
pub type Slot = u16;

impl Default for Epochs {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), everything: AtomicU64::new(0) }
    }
}

impl Epochs {
    /// The slot of a thing.
    pub fn slot(touched: &Touched) -> Slot {
        let mut hasher = DefaultHasher::new();
        touched.hash(&mut hasher);
        // Fits: SLOTS is less than 65,536.
        (hasher.finish() % SLOTS as u64) as Slot
    }

    /// Whether none of `slots` was changed after change number `no`.
    pub fn unchanged_since(&self, no: u64, slots: &[Slot]) -> bool {
        let newest = |slot: &Slot| self.slots[usize::from(*slot)].load(Ordering::Acquire);
        self.everything.load(Ordering::Acquire) <= no && slots.iter().all(|slot| newest(slot) <= no)
    }

    /// Notes change number `no`; a lower number never replaces a higher.
    pub(super) fn changed(&self, touched: &Touched, no: u64) {
        let slot = match touched {
            Touched::Everything => &self.everything,
            touched => &self.slots[usize::from(Self::slot(touched))],
        };
        slot.fetch_max(no, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::SCHEMA;

    fn settled(statements: &[&str], touched: &[Touched]) -> Vec<Touched> {
        let mut writes = Writes { touched: touched.to_vec(), ..Writes::default() };
        for sql in statements {
            writes.wrote(sql);
        }
        writes.settle()
    }

    #[test]
    fn every_table_of_the_schema_says_what_memory_holds_of_it() {
        let tables = SCHEMA.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
        let mut tables: Vec<&str> = tables.map(|rest| rest.split(' ').next().unwrap()).collect();
        let mut known: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
        tables.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, tables, "TABLES and schema.sql differ");
    }

    #[test]
    fn a_write_without_a_name_touches_everything() {
        for (table, covers) in TABLES {
            for sql in [
                format!("INSERT INTO {table} (no)\n VALUES (1)"),
                format!("UPDATE {table} SET no = 1"),
                format!("DELETE FROM {table}"),
            ] {
                let expected = if covers.is_some() { vec![Touched::Everything] } else { Vec::new() };
                assert_eq!(settled(&[&sql], &[]), expected, "{sql}");
            }
        }
        assert_eq!(settled(&["DELETE FROM new_table"], &[]), [Touched::Everything]);
        assert_eq!(settled(&["WITH x AS (SELECT 1) UPDATE users SET no = 1"], &[]), [Touched::Everything]);
    }

    #[test]
    fn a_name_of_another_kind_does_not_cover_a_table() {
        let (user, client) = (Touched::User(1), Touched::Client(1));
        let write = "UPDATE users SET role = 'member'";
        assert_eq!(settled(&[write], std::slice::from_ref(&user)), std::slice::from_ref(&user));
        assert_eq!(settled(&[write], &[client]), [Touched::Everything]);
        // One named table does not cover another.
        assert_eq!(settled(&[write, "DELETE FROM clients"], &[user]), [Touched::Everything]);
    }

    #[test]
    fn epochs_only_rise() {
        let epochs = Epochs::default();
        let (ada, bob) = (Touched::User(1), Touched::User(2));
        let slots = [Epochs::slot(&ada)];
        assert_ne!(slots[0], Epochs::slot(&bob));
        epochs.changed(&ada, 7);
        epochs.changed(&ada, 3);
        epochs.changed(&bob, 9);
        assert!(!epochs.unchanged_since(6, &slots) && epochs.unchanged_since(7, &slots));
        epochs.changed(&Touched::Everything, 10);
        assert!(!epochs.unchanged_since(9, &slots) && epochs.unchanged_since(10, &slots));
    }
}
