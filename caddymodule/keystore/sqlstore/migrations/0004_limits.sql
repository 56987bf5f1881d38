UPDATE tollgate_meta SET oldest = 4;
UPDATE tollgate_usage_clock SET booked = booked;
CREATE TABLE tollgate_usage_spent (
	workspace_id TEXT NOT NULL,
	day          BIGINT NOT NULL,
	cost         BIGINT NOT NULL,
	PRIMARY KEY (workspace_id, day)
);
INSERT INTO tollgate_usage_spent (workspace_id, day, cost)
	SELECT workspace_id, day, sum(cost) FROM (
		SELECT workspace_id, hour / 24 AS day, cost FROM tollgate_usage
		UNION ALL SELECT workspace_id, day, cost FROM tollgate_usage_days
	) AS used GROUP BY workspace_id, day HAVING sum(cost) > 0;
ALTER TABLE tollgate_keys ADD COLUMN limits TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tollgate_workspaces ADD COLUMN quotas TEXT NOT NULL DEFAULT '[]';
