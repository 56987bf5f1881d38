-- The database of the Agent API. Times are Unix milliseconds, sealed columns hold nonce and ciphertext (AES-256-GCM).
CREATE TABLE vault (
	-- A sealed constant: it opens with the right encryption key only.
	probe BLOB NOT NULL
) STRICT;

CREATE TABLE workspaces (
	id            TEXT PRIMARY KEY,
	display_name  TEXT NOT NULL,
	timezone      TEXT NOT NULL,
	currency      TEXT NOT NULL,
	language      TEXT NOT NULL,
	date_format   TEXT NOT NULL,
	tracking_code TEXT NOT NULL,
	plan          TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leads (
	workspace       TEXT NOT NULL,
	id              TEXT NOT NULL,
	unique_code     TEXT,
	external_ref    TEXT,
	person          BLOB NOT NULL, -- sealed: names, e-mail, phone
	email_index     BLOB,
	phone_index     BLOB,
	status          TEXT NOT NULL,
	priority        TEXT NOT NULL,
	source          TEXT NOT NULL,
	ad_platform     TEXT,
	campaign        TEXT,
	score           INTEGER NOT NULL,
	notes           BLOB,          -- sealed
	assigned_to     TEXT,
	estimated_value REAL,
	actual_value    REAL,
	created_at      INTEGER NOT NULL,
	updated_at      INTEGER NOT NULL,
	PRIMARY KEY (workspace, id)
) STRICT;
CREATE UNIQUE INDEX leads_unique_code ON leads (workspace, unique_code) WHERE unique_code IS NOT NULL;
CREATE UNIQUE INDEX leads_external_ref ON leads (workspace, external_ref) WHERE external_ref IS NOT NULL;
CREATE INDEX leads_email ON leads (workspace, email_index, created_at, id) WHERE email_index IS NOT NULL;
CREATE INDEX leads_phone ON leads (workspace, phone_index, created_at, id) WHERE phone_index IS NOT NULL;
CREATE INDEX leads_created ON leads (workspace, created_at, id);
CREATE INDEX leads_updated ON leads (workspace, updated_at, id);

CREATE TABLE conversions (
	workspace  TEXT NOT NULL,
	lead_id    TEXT NOT NULL,
	platform   TEXT NOT NULL,
	event      TEXT NOT NULL,
	state      TEXT NOT NULL,
	value      REAL,
	attempts   INTEGER NOT NULL DEFAULT 0,
	last_error TEXT,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (workspace, lead_id, platform, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversions_state ON conversions (workspace, state, created_at);

-- What a campaign cost, by day.
CREATE TABLE campaign_days (
	workspace   TEXT NOT NULL,
	platform    TEXT NOT NULL,
	campaign    TEXT NOT NULL,
	day         INTEGER NOT NULL,
	spend       REAL NOT NULL,
	impressions INTEGER NOT NULL,
	clicks      INTEGER NOT NULL,
	PRIMARY KEY (workspace, platform, campaign, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
	workspace  TEXT NOT NULL,
	id         TEXT NOT NULL,
	content    BLOB NOT NULL, -- sealed: subject and message
	priority   TEXT NOT NULL,
	status     TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (workspace, id)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
