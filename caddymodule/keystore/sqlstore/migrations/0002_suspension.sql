ALTER TABLE tollgate_meta ADD COLUMN oldest BIGINT NOT NULL DEFAULT 2;
ALTER TABLE tollgate_workspaces ADD COLUMN suspended_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tollgate_workspaces ADD COLUMN suspended_reason TEXT NOT NULL DEFAULT '';
