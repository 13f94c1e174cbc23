-- Keywright's whole store, as it is now: one SQLite file, read this first.
--
-- Conventions. `no` is a row's short number: it joins tables and never leaves the file. `id` is the public TypeID
-- (`key_01…`). Times are milliseconds since 1970 in UTC and end in `_at`; durations end in `_seconds`; booleans are
-- 0 or 1. Scope sets are scope names separated by single spaces, sorted, as OAuth writes them. What is secret is
-- either a SHA-256 (`hash`: 128 random bits or more stand behind it, so a slow hash would buy nothing), an Argon2id
-- string (`password`: chosen by a person), or sealed under `master.key` (`sealed`).

-- One row: what this file is.
CREATE TABLE instance (
    no               INTEGER PRIMARY KEY CHECK (no = 1),
    created_at       INTEGER NOT NULL,
    -- Which master.key this file belongs to: the first bytes of a hash of it. A file never starts under another.
    master_key_id    BLOB NOT NULL,
    -- Trusted time, noted once a minute: the wall clock must agree with it at the next start (`env::TrustedClock`).
    trusted_at       INTEGER NOT NULL
) STRICT;

-- What an administrator changes while it runs. One row a setting; an absent row means the default.
CREATE TABLE settings (
    name             TEXT PRIMARY KEY,
    value            TEXT NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

---------------------------------------------------------------------------------------------------- APIs

-- A service that Keywright protects; in OAuth's words a resource server. Row 1 is Keywright's own.
CREATE TABLE apis (
    -- AUTOINCREMENT: a number that the log still names is never given to another.
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    slug             TEXT NOT NULL UNIQUE,
    name             TEXT NOT NULL,
    -- The `aud` of its tokens and the `resource` that asks for them (RFC 8707).
    audience         TEXT NOT NULL,
    -- The audience as it is compared: without a slash at its end, default port and case of the host.
    audience_key     TEXT NOT NULL UNIQUE,
    -- What its keys begin with.
    prefix           TEXT NOT NULL UNIQUE,
    built_in         INTEGER NOT NULL DEFAULT 0,
    -- The tier of keys that name none, of tokens and sessions, and of what members make for themselves.
    default_tier     TEXT NOT NULL,
    token_tier       TEXT NOT NULL,
    member_tier      TEXT NOT NULL,
    member_max_keys  INTEGER NOT NULL,
    -- Whether forward-auth takes keys from `X-API-Key` too.
    x_api_key        INTEGER NOT NULL DEFAULT 0,
    -- Whether forward-auth admits any valid credential, where the API has no routes and the question has no scope.
    open             INTEGER NOT NULL DEFAULT 0,
    -- Whether the service behind it ignores case in paths, so that routes do too.
    case_insensitive_paths INTEGER NOT NULL DEFAULT 0,
    -- JSON array of origins that may call sign-in from a page (CORS).
    allowed_origins  TEXT NOT NULL DEFAULT '[]',
    -- JSON object role → array of scopes: what a person of that role holds here.
    role_scopes      TEXT NOT NULL DEFAULT '{}',
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

-- A permission of one API.
CREATE TABLE scopes (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    -- Satisfies every scope of its API (`admin`).
    grants_all       INTEGER NOT NULL DEFAULT 0,
    position         INTEGER NOT NULL,
    PRIMARY KEY (api_no, name)
) STRICT, WITHOUT ROWID;

-- A named set of scopes, offered when a key is made.
CREATE TABLE presets (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    -- `live` or `test` when the preset decides it.
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
    -- Bucket size; null means as many as the limit.
    burst            INTEGER,
    -- Whose requests share one bucket: `key`, `owner` or `user`.
    per              TEXT NOT NULL DEFAULT 'key',
    position         INTEGER NOT NULL,
    PRIMARY KEY (api_no, name)
) STRICT, WITHOUT ROWID;

-- What forward-auth asks of a request, by method and path; the first match wins.
CREATE TABLE routes (
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    position         INTEGER NOT NULL,
    method           TEXT NOT NULL,
    path             TEXT NOT NULL,
    -- A scope expression; null asks for a valid credential only.
    scope            TEXT,
    -- `live`, `test` or `any`.
    environment      TEXT NOT NULL,
    cost             INTEGER NOT NULL DEFAULT 1,
    -- Needs no credential at all.
    public           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (api_no, position)
) STRICT, WITHOUT ROWID;

---------------------------------------------------------------------------------------------------- People

-- A person who signs in.
CREATE TABLE users (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    -- As the person writes it, and as it is compared: trimmed and lower case.
    email            TEXT NOT NULL,
    email_key        TEXT NOT NULL UNIQUE,
    name             TEXT NOT NULL,
    -- `owner`, `admin`, `developer`, `viewer` or `member`.
    role             TEXT NOT NULL,
    -- Argon2id in PHC form; null until a password is chosen.
    password         TEXT,
    email_verified_at INTEGER,
    disabled_at      INTEGER,
    -- The row of a removed person stays for what refers to it, without name, address and password.
    deleted_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

-- A person's second factor (RFC 6238).
CREATE TABLE totp (
    user_no          INTEGER PRIMARY KEY REFERENCES users (no) ON DELETE CASCADE,
    -- The seed.
    sealed           BLOB NOT NULL,
    -- Null until a first code has shown that the app has the seed.
    confirmed_at     INTEGER,
    -- The 30-second step of the last code that was used: it and all before it are refused.
    last_step        INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL
) STRICT;

-- Codes that each stand in for the second factor once. A used one is deleted.
CREATE TABLE recovery_codes (
    hash             BLOB PRIMARY KEY,
    user_no          INTEGER NOT NULL REFERENCES users (no) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_no);

-- One sign-in of a person, in one browser or one app.
CREATE TABLE sessions (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    user_no          INTEGER NOT NULL REFERENCES users (no) ON DELETE CASCADE,
    -- The API that its access tokens are for; Keywright's own for a cookie.
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    -- SHA-256 of its cookie; null where it lives by refresh tokens.
    cookie           BLOB UNIQUE,
    -- How its person proved who they are (RFC 8176): `pwd`, `pwd otp`. It grows only when a factor is shown.
    amr              TEXT NOT NULL,
    -- When they last did. A refresh never renews it.
    authenticated_at INTEGER NOT NULL,
    -- Where it began; empty where that is not known.
    ip               BLOB NOT NULL,
    agent            TEXT,
    created_at       INTEGER NOT NULL,
    -- To the minute.
    last_used_at     INTEGER NOT NULL,
    -- Seconds without a request after which it ends; null where it lives by refresh tokens.
    idle_seconds     INTEGER,
    -- When it ends however much it is used, and when it ends unless it is used again.
    ends_at          INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_no, no);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A line of refresh tokens, each the successor of the one before: revoked as a whole.
CREATE TABLE refresh_families (
    no               INTEGER PRIMARY KEY,
    -- Whose it is; null for a client that acts for itself.
    user_no          INTEGER REFERENCES users (no) ON DELETE CASCADE,
    -- The sign-in that it belongs to.
    session_no       INTEGER REFERENCES sessions (no) ON DELETE CASCADE,
    created_at       INTEGER NOT NULL,
    -- When it ends however much it is used, and when it ends unless it is used again.
    ends_at          INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX refresh_families_by_user ON refresh_families (user_no) WHERE user_no IS NOT NULL;
CREATE INDEX refresh_families_by_session ON refresh_families (session_no) WHERE session_no IS NOT NULL;
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

-- Every refresh token of a family; the used ones stay, so that a second use is recognised.
CREATE TABLE refresh_tokens (
    hash             BLOB PRIMARY KEY,
    family_no        INTEGER NOT NULL REFERENCES refresh_families (no) ON DELETE CASCADE,
    created_at       INTEGER NOT NULL,
    used_at          INTEGER,
    -- What it was exchanged for.
    successor        BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_no);
CREATE INDEX refresh_tokens_by_use ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

-- An invitation to join.
CREATE TABLE invitations (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    -- SHA-256 of what its link holds.
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

-- Links that each work once; used ones are deleted.
CREATE TABLE one_time_links (
    hash             BLOB PRIMARY KEY,
    -- `setup`, `signup`, `verify_email` or `reset_password`.
    purpose          TEXT NOT NULL,
    -- The person that it is for; null before there is one.
    user_no          INTEGER REFERENCES users (no) ON DELETE CASCADE,
    -- The address that it was sent to.
    email            TEXT,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_links_by_user ON one_time_links (user_no) WHERE user_no IS NOT NULL;
CREATE INDEX one_time_links_by_expiry ON one_time_links (expires_at);

-- What tokens are signed with. The public half stays published for as long as anything it signed is valid.
CREATE TABLE signing_keys (
    no               INTEGER PRIMARY KEY,
    -- RFC 7638 thumbprint of the public half.
    kid              TEXT NOT NULL UNIQUE,
    alg              TEXT NOT NULL,
    -- `next` (published, not used yet), `active` (one) or `retired` (published, no longer used).
    status           TEXT NOT NULL,
    -- JWK (RFC 7517).
    public           TEXT NOT NULL,
    -- PKCS #8; null once retired.
    sealed           BLOB,
    created_at       INTEGER NOT NULL,
    activated_at     INTEGER,
    retired_at       INTEGER,
    -- When it leaves the JWKS.
    expires_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (status) WHERE status = 'active';

---------------------------------------------------------------------------------------------------- Keys

-- An API key: one identity with a policy. One wide row, because a request that misses the cache reads it whole.
CREATE TABLE keys (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    api_no           INTEGER NOT NULL REFERENCES apis (no),
    name             TEXT NOT NULL,
    -- `live` or `test`.
    environment      TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    -- A tier of the API; null takes the API's default.
    tier             TEXT,
    -- A limit of its own instead of a tier; `ratelimit_window_seconds` is set where there is one, and
    -- `ratelimit_limit` null then means unlimited.
    ratelimit_limit  INTEGER,
    ratelimit_window_seconds INTEGER,
    ratelimit_burst  INTEGER,
    quota_limit      INTEGER,
    -- `day`, `month` or `total`.
    quota_period     TEXT,
    -- The caller's own name for whom the key is for.
    owner            TEXT,
    -- Whose own key it is; null is a service key.
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

-- The strings that prove a key. A rotation adds one; the older works until its `expires_at`.
CREATE TABLE key_secrets (
    -- SHA-256 of the whole string.
    hash             BLOB PRIMARY KEY,
    key_no           INTEGER NOT NULL REFERENCES keys (no),
    -- First and last four characters of the random part, for people to recognise it.
    start            TEXT NOT NULL,
    "end"            TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX key_secrets_by_key ON key_secrets (key_no, created_at);

-- What a key has used. Written behind the requests, together with their activity.
CREATE TABLE key_usage (
    key_no           INTEGER PRIMARY KEY REFERENCES keys (no),
    -- To the hour; the activity log has the exact moment.
    last_used_at     INTEGER,
    -- Start of the quota period that `quota_used` counts in.
    quota_period_at  INTEGER NOT NULL DEFAULT 0,
    quota_used       INTEGER NOT NULL DEFAULT 0
) STRICT;

---------------------------------------------------------------------------------------------------- OAuth

-- A program that asks for tokens: an OAuth client, "OAuth app" on screen.
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
    -- For a client of the operator's own: the least role of those who declared and changed it. People up to that role
    -- are not asked for consent; null asks everybody.
    trusted_by       TEXT,
    -- Registered itself (RFC 7591).
    dynamic          INTEGER NOT NULL DEFAULT 0,
    -- The network that it did so from; null for all others.
    registered_from  TEXT,
    home_page        TEXT,
    -- An image that was uploaded; nothing is ever fetched.
    logo             BLOB,
    logo_at          INTEGER,
    -- Null takes the instance's.
    access_token_seconds  INTEGER,
    refresh_token_seconds INTEGER,
    -- When it last got a token, to the day.
    last_used_at     INTEGER,
    disabled_at      INTEGER,
    -- A client that was removed stays for the log until the sweeper takes it.
    deleted_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX clients_by_deletion ON clients (deleted_at) WHERE deleted_at IS NOT NULL;
-- Self-registered clients that no person has allowed anything go after a day.
CREATE INDEX clients_unused ON clients (created_at)
    WHERE dynamic = 1 AND last_used_at IS NULL AND deleted_at IS NULL;

-- What a client may ask for, API by API; the first is meant where a request names no `resource`.
CREATE TABLE client_access (
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    scopes           TEXT NOT NULL,
    position         INTEGER NOT NULL,
    PRIMARY KEY (client_no, api_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_access_by_api ON client_access (api_no);

-- What proves a confidential client. A rotation adds one; the older works until its `expires_at`.
CREATE TABLE client_secrets (
    -- SHA-256 of the whole string.
    hash             BLOB PRIMARY KEY,
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    -- Its first characters, for people to recognise it.
    start            TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX client_secrets_by_client ON client_secrets (client_no, created_at);

-- What a person allowed a client at an API. Revoking it ends every token under it; the row stays a while for the log.
CREATE TABLE grants (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    user_no          INTEGER NOT NULL REFERENCES users (no) ON DELETE CASCADE,
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    -- All that was allowed so far, `openid` and the like included.
    scopes           TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    -- When it last gave a code.
    last_used_at     INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX grants_standing ON grants (user_no, client_no, api_no) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_client ON grants (client_no);
CREATE INDEX grants_by_api ON grants (api_no);
CREATE INDEX grants_by_revocation ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- A request for authorization that waits for a person. One row a request, gone with its answer or after ten minutes.
CREATE TABLE oauth_requests (
    -- SHA-256 of what the pages' address holds.
    hash             BLOB PRIMARY KEY,
    -- SHA-256 of the cookie of the browser that sent it.
    browser          BLOB NOT NULL,
    client_no        INTEGER NOT NULL REFERENCES clients (no) ON DELETE CASCADE,
    api_no           INTEGER NOT NULL REFERENCES apis (no) ON DELETE CASCADE,
    -- JSON: what was asked, checked.
    asked            TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_requests_by_expiry ON oauth_requests (expires_at);
CREATE INDEX oauth_requests_by_client ON oauth_requests (client_no);
CREATE INDEX oauth_requests_by_api ON oauth_requests (api_no);

-- One authorization carried out: a code (RFC 6749, section 4.1.2), and the tokens that came of it.
CREATE TABLE authorizations (
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- 128 random bits in base64url: what the `jti` of its access tokens begins with.
    id               TEXT NOT NULL UNIQUE,
    grant_no         INTEGER NOT NULL REFERENCES grants (no) ON DELETE CASCADE,
    -- Its refresh tokens; whatever ends them ends its access tokens too.
    family_no        INTEGER NOT NULL REFERENCES refresh_families (no) ON DELETE CASCADE,
    -- The sign-in that it was given in, and when that was.
    session_no       INTEGER REFERENCES sessions (no) ON DELETE SET NULL,
    authenticated_at INTEGER NOT NULL,
    -- How its person had proved who they are then (RFC 8176).
    amr              TEXT NOT NULL,
    scopes           TEXT NOT NULL,
    -- SHA-256 of the code; null once it need not be recognised any more.
    code             BLOB UNIQUE,
    code_expires_at  INTEGER NOT NULL,
    redeemed_at      INTEGER,
    -- What the code is bound to. `redirect_uri_sent`: the token request must name it too.
    redirect_uri     TEXT NOT NULL,
    redirect_uri_sent INTEGER NOT NULL,
    challenge        TEXT,
    nonce            TEXT,
    created_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX authorizations_by_grant ON authorizations (grant_no);
CREATE INDEX authorizations_by_family ON authorizations (family_no);
CREATE INDEX authorizations_by_session ON authorizations (session_no) WHERE session_no IS NOT NULL;

-- Single access tokens that were revoked before their end (RFC 7009).
CREATE TABLE revoked_tokens (
    jti              TEXT PRIMARY KEY,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

---------------------------------------------------------------------------------------------------- Activity

-- Every decision and every change, append-only and in the order of `no`: retention removes the oldest, and rows of
-- unidentified callers before all others, but never the newest. No secondary index: a random index is the most expensive part of a log.
-- `activity_index` serves closed segments, memory serves the open one.
-- The numbers of `kind`, `outcome`, `code` and `method` are listed in `model::activity`; `domain::activity` says which
-- of these a decision fills in, and why.
CREATE TABLE activity (
    no               INTEGER PRIMARY KEY,
    -- The sequence that `no` counts in. A file has the one stream 1; in a cluster each node has its own, and the key is
    -- (stream, no).
    stream           INTEGER NOT NULL,
    at               INTEGER NOT NULL,
    kind             INTEGER NOT NULL,
    outcome          INTEGER NOT NULL,
    code             INTEGER NOT NULL,
    api_no           INTEGER,
    -- Whom or what the row is about.
    key_no           INTEGER,
    user_no          INTEGER,
    client_no        INTEGER,
    grant_no         INTEGER,
    session_no       INTEGER,
    -- Who asked, where that is another: the key that asked for a verification, the person who made a change.
    by_key_no        INTEGER,
    by_user_no       INTEGER,
    -- 4 or 16 bytes.
    ip               BLOB,
    method           INTEGER,
    path_no          INTEGER,
    agent_no         INTEGER,
    took_us          INTEGER,
    -- The 16 bytes behind `req_…`.
    request_id       BLOB,
    -- How many refusals without a known key this row counts; null is one.
    count            INTEGER,
    -- JSON: what a change changed, what a refusal saw.
    detail           TEXT,
    -- 1 where the caller did not prove who they are: retention by size removes these rows first.
    unidentified     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Strings that many rows share (paths, user agents), written once a segment. A string may stand here twice.
CREATE TABLE activity_strings (
    no               INTEGER PRIMARY KEY,
    -- The only segment whose rows refer to it; it goes with that segment's last row.
    segment          INTEGER NOT NULL,
    text             TEXT NOT NULL
) STRICT;

-- For closed segments: the rows about one key, in order. Appended in small steps when a segment closes.
CREATE TABLE activity_index (
    -- Rows no / 1,000,000.
    segment          INTEGER NOT NULL,
    key_no           INTEGER NOT NULL,
    activity_no      INTEGER NOT NULL,
    PRIMARY KEY (segment, key_no, activity_no)
) STRICT, WITHOUT ROWID;

-- How far the index has come: one row for every segment whose index is complete.
CREATE TABLE activity_segments (
    segment          INTEGER PRIMARY KEY,
    indexed_at       INTEGER NOT NULL
) STRICT;

-- The chain that shows tampering: one link for every 10,000 rows or second of activity.
CREATE TABLE activity_links (
    -- The last row that it covers; the first is the one after the link before of the same stream.
    no               INTEGER PRIMARY KEY,
    stream           INTEGER NOT NULL,
    -- The latest `at` among its rows, and roughly what they take on disk: what retention goes by.
    max_at           INTEGER NOT NULL,
    bytes            INTEGER NOT NULL,
    -- The part of them that no identified caller is behind, which is signed apart.
    unidentified_rows INTEGER NOT NULL DEFAULT 0,
    unidentified_bytes INTEGER NOT NULL DEFAULT 0,
    -- HMAC-SHA256 under `master.key` over the link before, the row numbers and all that the rows say.
    mac              BLOB NOT NULL,
    -- Set once retention has removed this link's unidentified rows: their hash, and an HMAC that says it was retention.
    removed          BLOB,
    -- Set once retention has removed this link's rows and all before: an HMAC that says it was retention.
    anchor           BLOB
) STRICT;
CREATE INDEX activity_links_by_anchor ON activity_links (no) WHERE anchor IS NOT NULL;

-- First rows after the clock was set back. Between two of them `at`
-- never falls by more than two minutes, so that a time can be found by bisection.
CREATE TABLE activity_runs (
    no               INTEGER PRIMARY KEY
) STRICT;

-- What the charts show, kept longer than the rows: counts over all keys by five minutes, counts of each key by the
-- hour.
CREATE TABLE activity_counts (
    -- The first millisecond of the hour or the five minutes.
    at               INTEGER NOT NULL,
    -- 0 is the sum over all keys and over no key.
    key_no           INTEGER NOT NULL,
    -- 0 is no API.
    api_no           INTEGER NOT NULL,
    outcome          INTEGER NOT NULL,
    count            INTEGER NOT NULL,
    PRIMARY KEY (at, key_no, api_no, outcome)
) STRICT, WITHOUT ROWID;

---------------------------------------------------------------------------------------------------- Machinery

-- Answers to creating requests that carried an Idempotency-Key.
CREATE TABLE idempotency (
    -- Keyed hash over caller, route and key.
    hash             BLOB PRIMARY KEY,
    -- Keyed hash of the body: the same key with another body is a conflict.
    request_hash     BLOB NOT NULL,
    resource_id      TEXT NOT NULL,
    -- The answer, sealed; null once it may not be shown again.
    sealed           BLOB,
    -- When `sealed` goes, and when the row does.
    answer_until_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
CREATE INDEX idempotency_by_answer ON idempotency (answer_until_at) WHERE sealed IS NOT NULL;

-- Counters of failed sign-ins and of mails that were asked for, which the login throttle keeps in memory.
CREATE TABLE login_throttle (
    -- What is counted and by what; 255 holds the throttle's clock in `last_seconds`.
    counter_table    INTEGER NOT NULL,
    -- A keyed hash of the name that is counted, as a place in a table of fixed size.
    slot             INTEGER NOT NULL,
    -- A second keyed hash of that name; 0 where several names are counted at this place.
    tag              INTEGER NOT NULL,
    failures         INTEGER NOT NULL,
    -- Seconds on the throttle's clock, which stands still while the server is stopped.
    last_seconds     INTEGER NOT NULL,
    blocked_until_seconds INTEGER NOT NULL,
    notified_seconds INTEGER NOT NULL,
    PRIMARY KEY (counter_table, slot)
) STRICT, WITHOUT ROWID;

-- Rate limits in use, saved at a graceful stop and taken up at the next start.
CREATE TABLE rate_limits (
    -- A keyed hash of what the bucket belongs to.
    name             BLOB PRIMARY KEY,
    -- Nanoseconds until the bucket is full.
    full_in_nanos    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Leased work, written in the transaction of the change that needs it: mail, links to be mailed, scheduled jobs. An
-- item is deleted when it is done.
CREATE TABLE queue (
    -- AUTOINCREMENT: the holder of a lease never meets another item under its number.
    no               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Random, the same through all attempts: receivers recognise a repetition by it.
    id               BLOB NOT NULL,
    -- The lane that works on it: `mail`, …, or the name of a scheduled job.
    kind             TEXT NOT NULL,
    -- Format of the payload.
    version          INTEGER NOT NULL,
    -- The payload, which may hold one-time links; empty for schedules and dead items.
    sealed           BLOB NOT NULL,
    -- 1 for a schedule: its one row is planned anew after each run.
    repeats          INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    -- When it is due.
    run_at           INTEGER NOT NULL,
    -- When the work has lost its purpose: it is given up then. Null for schedules.
    expires_at       INTEGER,
    -- Attempts that failed; of a schedule, in a row.
    attempts         INTEGER NOT NULL DEFAULT 0,
    -- Number of the latest lease, and when that ends; 0 while nothing works on it.
    lease            INTEGER NOT NULL DEFAULT 0,
    leased_until     INTEGER NOT NULL DEFAULT 0,
    -- When it failed for good. The row stays for 30 days to be seen.
    dead_at          INTEGER,
    last_error       TEXT,
    -- When a schedule succeeded last.
    succeeded_at     INTEGER
) STRICT;
CREATE INDEX queue_by_time ON queue (kind, run_at) WHERE dead_at IS NULL;
CREATE INDEX queue_by_death ON queue (dead_at) WHERE dead_at IS NOT NULL;
CREATE UNIQUE INDEX queue_schedules ON queue (kind) WHERE repeats = 1;

-- What scheduled jobs remember between their runs.
CREATE TABLE job_states (
    name             TEXT PRIMARY KEY,
    -- JSON.
    state            TEXT NOT NULL
) STRICT, WITHOUT ROWID;
