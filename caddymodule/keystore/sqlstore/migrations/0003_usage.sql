CREATE TABLE tollgate_usage (
	booked       BIGINT NOT NULL,
	hour         BIGINT NOT NULL,
	workspace_id TEXT NOT NULL,
	key_id       TEXT NOT NULL,
	route        TEXT NOT NULL,
	outcome      TEXT NOT NULL,
	requests     BIGINT NOT NULL,
	cost         BIGINT NOT NULL,
	PRIMARY KEY (booked, hour, workspace_id, key_id, route, outcome)
);
CREATE INDEX tollgate_usage_workspace ON tollgate_usage (workspace_id, hour);
CREATE TABLE tollgate_usage_days (
	day          BIGINT NOT NULL,
	workspace_id TEXT NOT NULL,
	key_id       TEXT NOT NULL,
	route        TEXT NOT NULL,
	outcome      TEXT NOT NULL,
	requests     BIGINT NOT NULL,
	cost         BIGINT NOT NULL,
	PRIMARY KEY (workspace_id, day, key_id, route, outcome)
);
CREATE INDEX tollgate_usage_days_day ON tollgate_usage_days (day);
CREATE TABLE tollgate_usage_writers (
	instance TEXT PRIMARY KEY,
	number   BIGINT NOT NULL,
	hour     BIGINT NOT NULL
);
CREATE TABLE tollgate_usage_clock (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	booked BIGINT NOT NULL,
	folded BIGINT NOT NULL
);
INSERT INTO tollgate_usage_clock (one, booked, folded) VALUES (1, 0, 0);
