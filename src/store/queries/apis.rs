//! APIs with all that hangs on them: scopes, presets, tiers, routes.

use super::columns::json;
use crate::model::Api;
use crate::model::api::{Preset, Route, ScopeInfo, Tier, audience_key};
use crate::store::{Conn, Error, Row, Touched, Tx, params};

const COLUMNS: &str = "no, id, slug, name, audience, prefix, built_in, default_tier, token_tier, member_tier, \
    member_max_keys, x_api_key, open, case_insensitive_paths, allowed_origins, role_scopes, created_at, updated_at";

/// Every API, whole, oldest first.
pub fn load_all(conn: &Conn<'_>) -> Result<Vec<Api>, Error> {
    let apis = conn.all(&format!("SELECT {COLUMNS} FROM apis ORDER BY no"), params![], read)?;
    apis.into_iter().map(|api| with_parts(conn, api)).collect()
}

/// The API of this slug or id, whole.
pub fn find(conn: &Conn<'_>, slug_or_id: &str) -> Result<Option<Api>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM apis WHERE slug = ?1 OR id = ?1");
    let found = conn.first(&sql, params![slug_or_id], read)?;
    found.map(|api| with_parts(conn, api)).transpose()
}

/// The API of this number, whole.
pub fn by_no(conn: &Conn<'_>, no: i64) -> Result<Option<Api>, Error> {
    let found = conn.first(&format!("SELECT {COLUMNS} FROM apis WHERE no = ?1"), params![no], read)?;
    found.map(|api| with_parts(conn, api)).transpose()
}

fn with_parts(conn: &Conn<'_>, mut api: Api) -> Result<Api, Error> {
    api.scopes = scopes(conn, api.no)?;
    api.presets = presets(conn, api.no)?;
    api.tiers = tiers(conn, api.no)?;
    api.routes = routes(conn, api.no)?;
    Ok(api)
}

/// A member of `apis` that is unique over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// The slug.
    Slug,
    /// The audience, in the form of [`audience_key`].
    Audience,
    /// The key prefix.
    Prefix,
}

impl Unique {
    /// The member's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slug => "slug",
            Self::Audience => "audience",
            Self::Prefix => "prefix",
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Audience => "audience_key",
            Self::Slug | Self::Prefix => self.as_str(),
        }
    }
}

/// The slug of the API, other than number `except`, that has `value` already.
pub fn taken_by(conn: &Conn<'_>, what: Unique, value: &str, except: i64) -> Result<Option<String>, Error> {
    let sql = format!("SELECT slug FROM apis WHERE {} = ?1 AND no <> ?2", what.column());
    conn.first(&sql, params![value, except], |row| row.get(0))
}

fn read(row: &Row<'_>) -> Result<Api, Error> {
    Ok(Api {
        no: row.get(0)?,
        id: row.parse(1)?,
        slug: row.get(2)?,
        name: row.get(3)?,
        audience: row.get(4)?,
        prefix: row.parse(5)?,
        built_in: row.bool(6)?,
        default_tier: row.get(7)?,
        token_tier: row.get(8)?,
        member_tier: row.get(9)?,
        member_max_keys: row.get(10)?,
        x_api_key: row.bool(11)?,
        open: row.bool(12)?,
        case_insensitive_paths: row.bool(13)?,
        allowed_origins: row.json(14)?,
        role_scopes: row.json(15)?,
        scopes: Vec::new(),
        presets: Vec::new(),
        tiers: Vec::new(),
        routes: Vec::new(),
        created_at: row.time(16)?,
        updated_at: row.time(17)?,
    })
}

fn scopes(conn: &Conn<'_>, api_no: i64) -> Result<Vec<ScopeInfo>, Error> {
    let sql = "SELECT name, description, grants_all FROM scopes WHERE api_no = ?1 ORDER BY position";
    conn.all(sql, params![api_no], |row| {
        Ok(ScopeInfo { name: row.parse(0)?, description: row.get(1)?, grants_all: row.bool(2)? })
    })
}

fn presets(conn: &Conn<'_>, api_no: i64) -> Result<Vec<Preset>, Error> {
    let sql =
        "SELECT name, description, scopes, environment FROM presets WHERE api_no = ?1 ORDER BY position";
    conn.all(sql, params![api_no], |row| {
        Ok(Preset {
            name: row.get(0)?,
            description: row.get(1)?,
            scopes: row.parse(2)?,
            environment: row.parse_opt(3)?,
        })
    })
}

fn tiers(conn: &Conn<'_>, api_no: i64) -> Result<Vec<Tier>, Error> {
    let sql = "SELECT name, limit_count, window_seconds, burst, per FROM tiers WHERE api_no = ?1 \
        ORDER BY position";
    conn.all(sql, params![api_no], |row| {
        Ok(Tier {
            name: row.get(0)?,
            limit: row.get(1)?,
            window_seconds: row.get(2)?,
            burst: row.get(3)?,
            per: row.parse(4)?,
        })
    })
}

fn routes(conn: &Conn<'_>, api_no: i64) -> Result<Vec<Route>, Error> {
    let sql = "SELECT method, path, scope, environment, cost, public FROM routes WHERE api_no = ?1 \
        ORDER BY position";
    conn.all(sql, params![api_no], |row| {
        Ok(Route {
            method: row.get(0)?,
            path: row.get(1)?,
            scope: row.parse_opt(2)?,
            environment: row.parse(3)?,
            cost: row.get(4)?,
            public: row.bool(5)?,
        })
    })
}

/// Adds an API and returns its number; `api.no` is not read.
///
/// # Errors
/// `Duplicate` when slug, audience or prefix is taken.
pub fn insert(tx: &mut Tx<'_>, api: &Api) -> Result<i64, Error> {
    let no = tx.insert(
        "INSERT INTO apis (id, slug, name, audience, prefix, built_in, default_tier, token_tier, member_tier,
            member_max_keys, x_api_key, open, case_insensitive_paths, allowed_origins, role_scopes, created_at,
            updated_at, audience_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) RETURNING no",
        params![
            api.id.to_string(),
            api.slug,
            api.name,
            api.audience,
            api.prefix.as_str(),
            api.built_in,
            api.default_tier,
            api.token_tier,
            api.member_tier,
            api.member_max_keys,
            api.x_api_key,
            api.open,
            api.case_insensitive_paths,
            json(&api.allowed_origins),
            json(&api.role_scopes),
            api.created_at.millis(),
            api.updated_at.millis(),
            audience_key(&api.audience),
        ],
    )?;
    tx.touch(Touched::Api(no));
    insert_parts(tx, no, api)?;
    Ok(no)
}

/// Writes what may change of an API, by its number.
///
/// # Errors
/// `Duplicate` when audience or prefix is taken.
pub fn update(tx: &mut Tx<'_>, api: &Api) -> Result<(), Error> {
    tx.execute(
        "UPDATE apis SET name = ?2, audience = ?3, prefix = ?4, default_tier = ?5, token_tier = ?6,
            member_tier = ?7, member_max_keys = ?8, x_api_key = ?9, open = ?10, case_insensitive_paths = ?11,
            allowed_origins = ?12, role_scopes = ?13, updated_at = ?14, audience_key = ?15
         WHERE no = ?1",
        params![
            api.no,
            api.name,
            api.audience,
            api.prefix.as_str(),
            api.default_tier,
            api.token_tier,
            api.member_tier,
            api.member_max_keys,
            api.x_api_key,
            api.open,
            api.case_insensitive_paths,
            json(&api.allowed_origins),
            json(&api.role_scopes),
            api.updated_at.millis(),
            audience_key(&api.audience),
        ],
    )?;
    tx.touch(Touched::Api(api.no));
    for table in ["scopes", "presets", "tiers", "routes"] {
        tx.execute(&format!("DELETE FROM {table} WHERE api_no = ?1"), params![api.no])?;
    }
    insert_parts(tx, api.no, api)
}

/// The ids of at most five OAuth clients that may ask for `scope` of an API.
pub fn clients_with_scope(conn: &Conn<'_>, api_no: i64, scope: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT c.id FROM client_access a JOIN clients c ON c.no = a.client_no
        WHERE a.api_no = ?1 AND c.deleted_at IS NULL
            AND replace(' ' || a.scopes || ' ', ' ' || ?2 || ' ', '') <> ' ' || a.scopes || ' '
        ORDER BY c.no LIMIT 5";
    conn.all(sql, params![api_no, scope], |row| row.get(0))
}

/// Removes an API and its scopes, presets, tiers and routes.
///
/// # Errors
/// `Constraint` when something still refers to it.
pub fn delete(tx: &mut Tx<'_>, no: i64) -> Result<(), Error> {
    tx.touch(Touched::Api(no));
    tx.execute("DELETE FROM apis WHERE no = ?1", params![no])?;
    Ok(())
}

fn insert_parts(tx: &mut Tx<'_>, no: i64, api: &Api) -> Result<(), Error> {
    insert_scopes(tx, no, &api.scopes)?;
    insert_presets(tx, no, &api.presets)?;
    insert_tiers(tx, no, &api.tiers)?;
    insert_routes(tx, no, &api.routes)
}

fn insert_scopes(tx: &mut Tx<'_>, no: i64, scopes: &[ScopeInfo]) -> Result<(), Error> {
    for (position, scope) in (0_i64..).zip(scopes) {
        tx.execute(
            "INSERT INTO scopes (api_no, name, description, grants_all, position) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![no, scope.name.as_str(), scope.description, scope.grants_all, position],
        )?;
    }
    Ok(())
}

fn insert_presets(tx: &mut Tx<'_>, no: i64, presets: &[Preset]) -> Result<(), Error> {
    for (position, preset) in (0_i64..).zip(presets) {
        tx.execute(
            "INSERT INTO presets (api_no, name, description, scopes, environment, position)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                no,
                preset.name,
                preset.description,
                preset.scopes.to_string(),
                preset.environment.map(crate::model::Environment::as_str),
                position,
            ],
        )?;
    }
    Ok(())
}

fn insert_tiers(tx: &mut Tx<'_>, no: i64, tiers: &[Tier]) -> Result<(), Error> {
    for (position, tier) in (0_i64..).zip(tiers) {
        tx.execute(
            "INSERT INTO tiers (api_no, name, limit_count, window_seconds, burst, per, position)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![no, tier.name, tier.limit, tier.window_seconds, tier.burst, tier.per.as_str(), position],
        )?;
    }
    Ok(())
}

fn insert_routes(tx: &mut Tx<'_>, no: i64, routes: &[Route]) -> Result<(), Error> {
    for (position, route) in (0_i64..).zip(routes) {
        tx.execute(
            "INSERT INTO routes (api_no, position, method, path, scope, environment, cost, public)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                no,
                position,
                route.method,
                route.path,
                route.scope.as_ref().map(ToString::to_string),
                route.environment.as_str(),
                route.cost,
                route.public,
            ],
        )?;
    }
    Ok(())
}
