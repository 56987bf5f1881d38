CREATE TABLE tollgate_meta (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	version  BIGINT NOT NULL,
	revision BIGINT NOT NULL
);
CREATE TABLE tollgate_workspaces (
	id       TEXT PRIMARY KEY,
	plan     TEXT NOT NULL,
	limits   TEXT NOT NULL,
	metadata TEXT NOT NULL
);
CREATE TABLE tollgate_keys (
	id           TEXT PRIMARY KEY,
	workspace_id TEXT NOT NULL REFERENCES tollgate_workspaces (id),
	name         TEXT NOT NULL,
	scopes       TEXT NOT NULL,
	allowed_ips  TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	disabled     BIGINT NOT NULL,
	revoked_at   BIGINT NOT NULL
);
CREATE INDEX tollgate_keys_workspace ON tollgate_keys (workspace_id, id);
CREATE TABLE tollgate_secrets (
	sum          BYTES PRIMARY KEY,
	key_id       TEXT NOT NULL REFERENCES tollgate_keys (id),
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	last_used_at BIGINT NOT NULL
);
CREATE INDEX tollgate_secrets_key ON tollgate_secrets (key_id);
CREATE TABLE tollgate_history (
	revision     BIGINT PRIMARY KEY,
	stamp        TEXT NOT NULL,
	at           BIGINT NOT NULL,
	actor        TEXT NOT NULL,
	action       TEXT NOT NULL,
	workspace_id TEXT NOT NULL,
	key_id       TEXT NOT NULL,
	details      TEXT NOT NULL
);
CREATE INDEX tollgate_history_key ON tollgate_history (key_id, revision);
CREATE INDEX tollgate_history_workspace ON tollgate_history (workspace_id, revision);
INSERT INTO tollgate_meta (one, version, revision) VALUES (1, 1, 0);
