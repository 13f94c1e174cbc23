-- Keywright's store: one SQLite file. Read this first.
--
-- Conventions. `no` is a row's short number: it joins tables and never leaves the file. `id` is the public TypeID
-- (`key_01…`). Times are milliseconds since 1970 in UTC and end in `_at`; durations end in `_seconds`; booleans are 0
-- or 1. Scope sets are scope names separated by single spaces, sorted, as OAuth writes them. A secret is either a
-- SHA-256 (`hash`: of at least 128 random bits, so that no slow hash is needed), an Argon2id string (`password`: chosen
-- by a person), or sealed under `master.key` (`sealed`).

-- One row: identity of the file.
CREATE TABLE instance (
    no               INTEGER PRIMARY KEY CHECK (no = 1),
    created_at       INTEGER NOT NULL,
    -- The master.key of this file: the first bytes of its hash. The server does not start with another key.
    master_key_id    BLOB NOT NULL,
    -- Trusted time, stored once a minute: the wall clock must agree with it at the next start (`env::TrustedClock`).
    trusted_at       INTEGER NOT NULL
) STRICT;

-- Runtime settings, one row per setting; an absent row means the default.
CREATE TABLE settings (
    name             TEXT PRIMARY KEY,
    value            TEXT NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

---------------------------------------------------------------------------------------------------- APIs

-- A service that Keywright protects: an OAuth resource server. Row 1 is the built-in API.
CREATE TABLE apis (
    -- AUTOINCREMENT: a number that the log refers to is never reused.
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    slug             TEXT NOT NULL UNIQUE,
    name             TEXT NOT NULL,
    -- `aud` of its tokens and `resource` of their requests (RFC 8707).
    audience         TEXT NOT NULL,
    -- The audience in the form for comparison: without a slash at its end, default port and case of the host.
    audience_key     TEXT NOT NULL UNIQUE,
    -- Prefix of its keys.
    prefix           TEXT NOT NULL UNIQUE,
    built_in         INTEGER NOT NULL DEFAULT 0,
    -- Tiers of keys without one, of tokens and sessions, and of members' own keys.
    default_tier     TEXT NOT NULL,
    token_tier       TEXT NOT NULL,
    member_tier      TEXT NOT NULL,
    member_max_keys  INTEGER NOT NULL,
    -- Whether forward-auth also accepts keys in `X-API-Key`.
    x_api_key        INTEGER NOT NULL DEFAULT 0,
    -- Whether forward-auth admits any valid credential if the API has no routes and the request has no scope.
    open             INTEGER NOT NULL DEFAULT 0,
    -- Whether the service ignores case in paths; then routes do too.
    case_insensitive_paths INTEGER NOT NULL DEFAULT 0,
    -- JSON array of origins whose pages may call the sign-in endpoints (CORS).
    allowed_origins  TEXT NOT NULL DEFAULT '[]',
    -- JSON object role → array of scopes.
    role_scopes      TEXT NOT NULL DEFAULT '{}',
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

-- A scope of one API.
CREATE TABLE scopes (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    -- Satisfies every scope of its API (`admin`).
    grants_all       INTEGER NOT NULL DEFAULT 0,
    position         INTEGER NOT NULL,
    PRIMARY KEY (api_no, name)
) STRICT, WITHOUT ROWID;

-- A named set of scopes, offered when a key is created.
CREATE TABLE presets (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    -- `live` or `test` if the preset fixes it.
    environment      TEXT,
    position         INTEGER NOT NULL,
    PRIMARY KEY (api_no, name)
) STRICT, WITHOUT ROWID;

-- A named rate limit.
CREATE TABLE tiers (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    -- Requests per window; null is unlimited.
    limit_count      INTEGER,
    window_seconds   INTEGER NOT NULL,
    -- Bucket size; null is `limit`.
    burst            INTEGER,
    -- Owner of a bucket: `key`, `owner` or `user`.
    per              TEXT NOT NULL DEFAULT 'key',
    position         INTEGER NOT NULL,
    PRIMARY KEY (api_no, name)
) STRICT, WITHOUT ROWID;

-- Requirement of requests at forward-auth, by method and path; the first match decides.
CREATE TABLE routes (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    position         INTEGER NOT NULL,
    method           TEXT NOT NULL,
    path             TEXT NOT NULL,
    -- A scope expression; null requires a valid credential only.
    scope            TEXT,
    -- `live`, `test` or `any`.
    environment      TEXT NOT NULL,
    cost             INTEGER NOT NULL DEFAULT 1,
    -- Whether no credential is needed.
    public           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (api_no, position)
) STRICT, WITHOUT ROWID;

---------------------------------------------------------------------------------------------------- People

-- A person who signs in.
CREATE TABLE users (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    -- As written by the person, and in the form for comparison: trimmed and lower case.
    email            TEXT NOT NULL,
    email_key        TEXT NOT NULL UNIQUE,
    name             TEXT NOT NULL,
    -- `owner`, `admin`, `developer`, `viewer` or `member`.
    role             TEXT NOT NULL,
    -- Argon2id in PHC form; null until a password is chosen.
    password         TEXT,
    email_verified_at INTEGER,
    disabled_at      INTEGER,
    -- The row of a removed person is kept for references, without name, address and password.
    deleted_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

-- A person's second factor (RFC 6238).
CREATE TABLE totp (
    user_no          INTEGER PRIMARY KEY REFERENCES users (no) ON DELETE CASCADE,
    -- The seed.
    sealed           BLOB NOT NULL,
    -- Null until a code has proved that the app has the seed.
    confirmed_at     INTEGER,
    -- The 30-second step of the last used code: it and all earlier ones are refused.
    last_step        INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL
) STRICT;

-- Single-use codes that replace the second factor. A used one is deleted.
CREATE TABLE recovery_codes (
    hash             BLOB PRIMARY KEY,
    user_no          INTEGER NOT NULL REFERENCES users (no) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_no);

-- A sign-in of a person, in a browser or an app.
CREATE TABLE sessions (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    user_no          INTEGER NOT NULL REFERENCES users (no) ON DELETE CASCADE,
    -- The API of its access tokens; the built-in API for a cookie.
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    -- SHA-256 of its cookie; null for a session with refresh tokens.
    cookie           BLOB UNIQUE,
    -- Authentication methods (RFC 8176): `pwd`, `pwd otp`. A method is added only when its factor is used.
    amr              TEXT NOT NULL,
    -- Time of the authentication. A refresh never renews it.
    authenticated_at INTEGER NOT NULL,
    -- Address at its start; empty if unknown.
    ip               BLOB NOT NULL,
    agent            TEXT,
    created_at       INTEGER NOT NULL,
    -- Last use, to the minute.
    last_used_at     INTEGER NOT NULL,
    -- Seconds without a request after which it ends; null for a session with refresh tokens.
    idle_seconds     INTEGER,
    -- Latest end, and the end without further use.
    ends_at          INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_no, no);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A sequence of refresh tokens, each the successor of the previous one: revoked as a whole.
CREATE TABLE refresh_families (
    no               INTEGER PRIMARY KEY,
    -- The person; null for a client that acts for itself.
    user_no          INTEGER REFERENCES users (no) ON DELETE CASCADE,
    -- The session.
    session_no       INTEGER REFERENCES sessions (no) ON DELETE CASCADE,
    created_at       INTEGER NOT NULL,
    -- Latest end, and the end without further use.
    ends_at          INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX refresh_families_by_user ON refresh_families (user_no) WHERE user_no IS NOT NULL;
CREATE INDEX refresh_families_by_session ON refresh_families (session_no) WHERE session_no IS NOT NULL;
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

-- The refresh tokens of a family; used ones are kept, so that a second use is detected.
CREATE TABLE refresh_tokens (
    hash             BLOB PRIMARY KEY,
    family_no        INTEGER NOT NULL REFERENCES refresh_families (no) ON DELETE CASCADE,
    created_at       INTEGER NOT NULL,
    used_at          INTEGER,
    -- Its successor.
    successor        BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_no);
CREATE INDEX refresh_tokens_by_use ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

-- An invitation.
CREATE TABLE invitations (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    -- SHA-256 of the token in its link.
    hash             BLOB NOT NULL UNIQUE,
    email            TEXT NOT NULL,
    email_key        TEXT NOT NULL,
    role             TEXT NOT NULL,
    invited_by_user_no INTEGER REFERENCES users (no),
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    accepted_at      INTEGER,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX invitations_by_email ON invitations (email_key);

-- One-time links; used ones are deleted.
CREATE TABLE one_time_links (
    hash             BLOB PRIMARY KEY,
    -- `setup`, `signup`, `verify_email` or `reset_password`.
    purpose          TEXT NOT NULL,
    -- The person; null if there is none yet.
    user_no          INTEGER REFERENCES users (no) ON DELETE CASCADE,
    -- The address of the mail.
    email            TEXT,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_links_by_user ON one_time_links (user_no) WHERE user_no IS NOT NULL;
CREATE INDEX one_time_links_by_expiry ON one_time_links (expires_at);

-- Signing keys of tokens. The public half is published for as long as a token of it is valid.
CREATE TABLE signing_keys (
    no               INTEGER PRIMARY KEY,
    -- RFC 7638 thumbprint of the public half.
    kid              TEXT NOT NULL UNIQUE,
    alg              TEXT NOT NULL,
    -- `next` (published, unused), `active` (one) or `retired` (published, no longer used).
    status           TEXT NOT NULL,
    -- JWK (RFC 7517).
    public           TEXT NOT NULL,
    -- PKCS #8; null when retired.
    sealed           BLOB,
    created_at       INTEGER NOT NULL,
    activated_at     INTEGER,
    retired_at       INTEGER,
    -- Time at which it leaves the JWKS.
    expires_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (status) WHERE status = 'active';

---------------------------------------------------------------------------------------------------- Keys

-- An API key: one identity with a policy. One wide row, because a cache miss reads it whole.
CREATE TABLE keys (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    api_no           INTEGER NOT NULL REFERENCES apis (no),
    name             TEXT NOT NULL,
    -- `live` or `test`.
    environment      TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    -- A tier of the API; null is the API's default.
    tier             TEXT,
    -- A rate limit of its own instead of a tier, if `ratelimit_window_seconds` is set; a null `ratelimit_limit` then
    -- means unlimited.
    ratelimit_limit  INTEGER,
    ratelimit_window_seconds INTEGER,
    ratelimit_burst  INTEGER,
    quota_limit      INTEGER,
    -- `day`, `month` or `total`.
    quota_period     TEXT,
    -- The caller's id of the customer that uses the key.
    owner            TEXT,
    -- The user who owns the key; null for a service key.
    user_no          INTEGER REFERENCES users (no),
    -- Networks in CIDR form, separated by spaces; null allows every address.
    allowed_ips      TEXT,
    -- JSON object.
    metadata         TEXT NOT NULL DEFAULT '{}',
    expires_at       INTEGER,
    disabled_at      INTEGER,
    revoked_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_api ON keys (api_no, no);
CREATE INDEX keys_by_owner ON keys (owner, no) WHERE owner IS NOT NULL;
CREATE INDEX keys_by_user ON keys (user_no, no) WHERE user_no IS NOT NULL;
CREATE INDEX keys_by_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;

-- The secrets of a key. A rotation adds one; the previous one works until its `expires_at`.
CREATE TABLE key_secrets (
    -- SHA-256 of the whole string.
    hash             BLOB PRIMARY KEY,
    key_no           INTEGER NOT NULL REFERENCES keys (no),
    -- First and last four characters of the random part, for recognition by people.
    start            TEXT NOT NULL,
    "end"            TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX key_secrets_by_key ON key_secrets (key_no, created_at);

-- Usage of a key, written behind together with activity.
CREATE TABLE key_usage (
    key_no           INTEGER PRIMARY KEY REFERENCES keys (no),
    -- To the hour; the activity log has the exact time.
    last_used_at     INTEGER,
    -- Start of the quota period of `quota_used`.
    quota_period_at  INTEGER NOT NULL DEFAULT 0,
    quota_used       INTEGER NOT NULL DEFAULT 0
) STRICT;

---------------------------------------------------------------------------------------------------- OAuth

-- An OAuth client, "OAuth app" on screen.
CREATE TABLE clients (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Also its `client_id`.
    id               TEXT NOT NULL UNIQUE,
    name             TEXT NOT NULL,
    -- `confidential` or `public` (RFC 6749, section 2.1).
    kind             TEXT NOT NULL,
    -- JSON arrays of URIs, compared character by character.
    redirect_uris    TEXT NOT NULL DEFAULT '[]',
    post_logout_redirect_uris TEXT NOT NULL DEFAULT '[]',
    -- Names separated by spaces.
    grant_types      TEXT NOT NULL,
    -- Whether a code flow without PKCE is refused.
    require_pkce     INTEGER NOT NULL DEFAULT 1,
    -- For a first-party client: the least role of the people who declared and changed it. People up to that role are
    -- not asked for consent; null asks all people.
    trusted_by       TEXT,
    -- Whether it registered itself (RFC 7591).
    dynamic          INTEGER NOT NULL DEFAULT 0,
    -- Network of its registration; null for all others.
    registered_from  TEXT,
    home_page        TEXT,
    -- An uploaded image; images are never fetched.
    logo             BLOB,
    logo_at          INTEGER,
    -- Null is the instance's setting.
    access_token_seconds  INTEGER,
    refresh_token_seconds INTEGER,
    -- Time of its last token, to the day.
    last_used_at     INTEGER,
    disabled_at      INTEGER,
    -- A removed client is kept for the log until the sweep deletes it.
    deleted_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX clients_by_deletion ON clients (deleted_at) WHERE deleted_at IS NOT NULL;
-- Self-registered clients without any grant are deleted after a day.
CREATE INDEX clients_unused ON clients (created_at)
    WHERE dynamic = 1 AND last_used_at IS NULL AND deleted_at IS NULL;

-- Scopes that a client may request, by API; the first API is the default of requests without `resource`.
CREATE TABLE client_access (
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    scopes           TEXT NOT NULL,
    position         INTEGER NOT NULL,
    PRIMARY KEY (client_no, api_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_access_by_api ON client_access (api_no);

-- The secrets of a confidential client. A rotation adds one; the previous one works until its `expires_at`.
CREATE TABLE client_secrets (
    -- SHA-256 of the whole string.
    hash             BLOB PRIMARY KEY,
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    -- Its first characters, for recognition by people.
    start            TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX client_secrets_by_client ON client_secrets (client_no, created_at);

-- A grant of a person to a client at an API. Revoking it ends every token under it; the row is kept for a time for
-- the log.
CREATE TABLE grants (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    user_no          INTEGER NOT NULL REFERENCES users (no) ON DELETE CASCADE,
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    -- All granted scopes, including `openid` and the like.
    scopes           TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    -- Time of its last code.
    last_used_at     INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX grants_standing ON grants (user_no, client_no, api_no) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_client ON grants (client_no);
CREATE INDEX grants_by_api ON grants (api_no);
CREATE INDEX grants_by_revocation ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- A pending authorization request, deleted with its decision or after ten minutes.
CREATE TABLE oauth_requests (
    -- SHA-256 of the token in the URL of the pages.
    hash             BLOB PRIMARY KEY,
    -- SHA-256 of the cookie of its browser.
    browser          BLOB NOT NULL,
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    -- JSON: the validated request.
    asked            TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_requests_by_expiry ON oauth_requests (expires_at);
CREATE INDEX oauth_requests_by_client ON oauth_requests (client_no);
CREATE INDEX oauth_requests_by_api ON oauth_requests (api_no);

-- An authorization: a code (RFC 6749, section 4.1.2), and its tokens.
CREATE TABLE authorizations (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- 128 random bits in base64url: the prefix of the `jti` of its access tokens.
    id               TEXT NOT NULL UNIQUE,
    grant_no         INTEGER NOT NULL REFERENCES grants (no) ON DELETE CASCADE,
    -- Its refresh tokens; their end is also that of its access tokens.
    family_no        INTEGER NOT NULL REFERENCES refresh_families (no) ON DELETE CASCADE,
    -- Its session, and the `auth_time` of that session.
    session_no       INTEGER REFERENCES sessions (no) ON DELETE SET NULL,
    authenticated_at INTEGER NOT NULL,
    -- Authentication methods of that session (RFC 8176).
    amr              TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    -- SHA-256 of the code; null once a second use need not be detected.
    code             BLOB UNIQUE,
    code_expires_at  INTEGER NOT NULL,
    redeemed_at      INTEGER,
    -- Bindings of the code. `redirect_uri_sent`: the token request must contain it too.
    redirect_uri     TEXT NOT NULL,
    redirect_uri_sent INTEGER NOT NULL,
    challenge        TEXT,
    nonce            TEXT,
    created_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX authorizations_by_grant ON authorizations (grant_no);
CREATE INDEX authorizations_by_family ON authorizations (family_no);
CREATE INDEX authorizations_by_session ON authorizations (session_no) WHERE session_no IS NOT NULL;

-- Access tokens that were revoked before their expiry (RFC 7009).
CREATE TABLE revoked_tokens (
    jti              TEXT PRIMARY KEY,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

---------------------------------------------------------------------------------------------------- Activity

-- Decisions and changes, append-only and in the order of `no`: retention removes the oldest, and rows of
-- unidentified callers before all others, but never the newest. No secondary index: a random index is the most
-- expensive part of a log. `activity_index` covers closed segments, memory covers the open one.
-- The numbers of `kind`, `outcome`, `code` and `method` are listed in `model::activity`; `activity` describes the
-- fields of a decision.
CREATE TABLE activity (
    no               INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL,
    kind             INTEGER NOT NULL,
    outcome          INTEGER NOT NULL,
    code             INTEGER NOT NULL,
    api_no           INTEGER,
    -- Subjects of the row.
    key_no           INTEGER,
    user_no          INTEGER,
    client_no        INTEGER,
    grant_no         INTEGER,
    session_no       INTEGER,
    -- The caller, if it is another: the key that requested a verification, the person who made a change.
    by_key_no        INTEGER,
    by_user_no       INTEGER,
    -- 4 or 16 bytes.
    ip               BLOB,
    method           INTEGER,
    path_no          INTEGER,
    agent_no         INTEGER,
    took_us          INTEGER,
    -- The 16 bytes of `req_…`.
    request_id       BLOB,
    -- Number of refusals that the row counts; null is one.
    count            INTEGER,
    -- JSON: changed values, or the values that the failed rule compared.
    detail           TEXT,
    -- 1 for an unidentified caller: retention by size removes these rows first.
    unidentified     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Strings that rows share (paths, user agents), written once per segment. A string may occur twice.
CREATE TABLE activity_strings (
    no               INTEGER PRIMARY KEY,
    -- The only segment whose rows refer to it; it is deleted with that segment's last row.
    segment          INTEGER NOT NULL,
    text             TEXT NOT NULL
) STRICT;

-- For closed segments: the rows about one key, in order. Appended in small steps after a segment is closed.
CREATE TABLE activity_index (
    -- Rows no / 1,000,000.
    segment          INTEGER NOT NULL,
    key_no           INTEGER NOT NULL,
    activity_no      INTEGER NOT NULL,
    PRIMARY KEY (segment, key_no, activity_no)
) STRICT, WITHOUT ROWID;

-- Progress of the index: one row per segment with a complete index.
CREATE TABLE activity_segments (
    segment          INTEGER PRIMARY KEY,
    indexed_at       INTEGER NOT NULL
) STRICT;

-- The tamper-evident chain: one link per 10,000 rows or second of activity.
CREATE TABLE activity_links (
    -- Its last row; the first is the one after the previous link.
    no               INTEGER PRIMARY KEY,
    -- Latest `at` of its rows, and their approximate bytes on disk, for retention.
    max_at           INTEGER NOT NULL,
    bytes            INTEGER NOT NULL,
    -- The part of them that has unidentified callers, which is signed separately.
    unidentified_rows INTEGER NOT NULL DEFAULT 0,
    unidentified_bytes INTEGER NOT NULL DEFAULT 0,
    -- HMAC-SHA256 under `master.key` of the previous link, the row numbers and the contents of the rows.
    mac              BLOB NOT NULL,
    -- Set when retention has removed this link's unidentified rows: their hash, and an HMAC of retention.
    removed          BLOB,
    -- Set when retention has removed this link's rows and all before: an HMAC of retention.
    anchor           BLOB
) STRICT;
CREATE INDEX activity_links_by_anchor ON activity_links (no) WHERE anchor IS NOT NULL;

-- Rows at which the clock was set back. Between two of them `at` never decreases by more than two minutes, so that
-- times can be found by bisection.
CREATE TABLE activity_runs (
    no               INTEGER PRIMARY KEY
) STRICT;

-- Counts for the charts, kept longer than the rows: over all keys by five minutes, by key by the hour.
CREATE TABLE activity_counts (
    -- The first millisecond of the hour or the five minutes.
    at               INTEGER NOT NULL,
    -- 0 is the sum over all keys and rows without a key.
    key_no           INTEGER NOT NULL,
    -- 0 is no API.
    api_no           INTEGER NOT NULL,
    outcome          INTEGER NOT NULL,
    count            INTEGER NOT NULL,
    PRIMARY KEY (at, key_no, api_no, outcome)
) STRICT, WITHOUT ROWID;

---------------------------------------------------------------------------------------------------- Machinery

-- Responses to creating requests with an Idempotency-Key.
CREATE TABLE idempotency (
    -- Keyed hash of caller, route and key.
    hash             BLOB PRIMARY KEY,
    -- Keyed hash of the body: the same key with another body is a conflict.
    request_hash     BLOB NOT NULL,
    resource_id      TEXT NOT NULL,
    -- The response, sealed; null once it may not be shown again.
    sealed           BLOB,
    -- Expiry of `sealed`, and of the row.
    answer_until_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
CREATE INDEX idempotency_by_answer ON idempotency (answer_until_at) WHERE sealed IS NOT NULL;

-- Counters of failed sign-ins and requested mails, which the login throttle keeps in memory.
CREATE TABLE login_throttle (
    -- Kind of attempt and counter; 255 holds the throttle's clock in `last_seconds`.
    counter_table    INTEGER NOT NULL,
    -- A keyed hash of the counted name: a slot in a table of fixed size.
    slot             INTEGER NOT NULL,
    -- A second keyed hash of that name; 0 for several names in this slot.
    tag              INTEGER NOT NULL,
    failures         INTEGER NOT NULL,
    -- Seconds on the throttle's clock, which stops with the server.
    last_seconds     INTEGER NOT NULL,
    blocked_until_seconds INTEGER NOT NULL,
    notified_seconds INTEGER NOT NULL,
    PRIMARY KEY (counter_table, slot)
) STRICT, WITHOUT ROWID;

-- Rate limits in use, saved at a graceful stop and restored at the next start.
CREATE TABLE rate_limits (
    -- A keyed hash of the bucket's identity.
    name             BLOB PRIMARY KEY,
    -- Nanoseconds until the bucket is full.
    full_in_nanos    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Leased work, written in the transaction of its change: mail, reset links, scheduled jobs. An item is deleted when
-- it is done.
CREATE TABLE queue (
    -- AUTOINCREMENT: the number of an item is never reused, so that an old lease cannot match another item.
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Random, the same for all attempts: receivers recognise duplicates by it.
    id               BLOB NOT NULL,
    -- Its lane: `mail`, …, or the name of a scheduled job.
    kind             TEXT NOT NULL,
    -- Format of the payload.
    version          INTEGER NOT NULL,
    -- The payload, which may hold one-time links; empty for schedules and dead items.
    sealed           BLOB NOT NULL,
    -- 1 for a schedule: its one row is rescheduled after each run.
    repeats          INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    -- Due time.
    run_at           INTEGER NOT NULL,
    -- Time after which the work is useless and given up. Null for schedules.
    expires_at       INTEGER,
    -- Failed attempts; for a schedule, consecutive ones.
    attempts         INTEGER NOT NULL DEFAULT 0,
    -- Number of the latest lease, and its end; 0 without a lease.
    lease            INTEGER NOT NULL DEFAULT 0,
    leased_until     INTEGER NOT NULL DEFAULT 0,
    -- Time of its final failure. The row is kept for 30 days for inspection.
    dead_at          INTEGER,
    last_error       TEXT,
    -- Last success of a schedule.
    succeeded_at     INTEGER
) STRICT;
CREATE INDEX queue_by_time ON queue (kind, run_at) WHERE dead_at IS NULL;
CREATE INDEX queue_by_death ON queue (dead_at) WHERE dead_at IS NOT NULL;
CREATE UNIQUE INDEX queue_schedules ON queue (kind) WHERE repeats = 1;

-- State of scheduled jobs between their runs.
CREATE TABLE job_states (
    name             TEXT PRIMARY KEY,
    -- JSON.
    state            TEXT NOT NULL
) STRICT, WITHOUT ROWID;
