package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// A row of tollgate_usage is what was used in an hour, by the gateways' clocks, as far as it was booked in another, by the
// database's clock. Every transaction that books, folds or exports begins with the one row of tollgate_usage_clock: the hour in which
// is booked never goes back, so that rows booked in an earlier one change no more.

// Book adds a batch to the sums, once. It is a usage.Keeper.
func (s *Store) Book(ctx context.Context, batch usage.Batch) error {
	return s.transaction(ctx, func(tx *sql.Tx) error {
		now, err := s.Dialect.hour(ctx, tx)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `INSERT INTO tollgate_usage_writers (instance, number, hour) VALUES ($1, $2, $3)
			ON CONFLICT (instance) DO UPDATE SET number = excluded.number, hour = excluded.hour
			WHERE tollgate_usage_writers.number < excluded.number`, batch.Instance, batch.Number, now)
		if err != nil {
			return err
		}
		if fresh, err := result.RowsAffected(); err != nil || fresh == 0 {
			return err
		}
		rows := make([][]any, len(batch.Entries))
		for i, e := range batch.Entries {
			rows[i] = []any{now, e.Hour, e.Workspace, e.Key, e.Route, e.Outcome, e.Requests, e.Cost, e.MCP.Requests, e.MCP.Cost}
		}
		if err := s.Dialect.insertRows(ctx, tx, "tollgate_usage_spent (workspace_id, day, cost)", spent(batch.Entries),
			" ON CONFLICT (workspace_id, day) DO UPDATE SET cost = tollgate_usage_spent.cost + excluded.cost"); err != nil {
			return err
		}
		return s.Dialect.insertRows(ctx, tx, "tollgate_usage (booked, hour, workspace_id, key_id, route, outcome, requests, cost, mcp_requests, mcp_cost)", rows,
			` ON CONFLICT (booked, hour, workspace_id, key_id, route, outcome)
			DO UPDATE SET requests = tollgate_usage.requests + excluded.requests, cost = tollgate_usage.cost + excluded.cost,
			mcp_requests = tollgate_usage.mcp_requests + excluded.mcp_requests, mcp_cost = tollgate_usage.mcp_cost + excluded.mcp_cost`)
	})
}

// spent are the rows of tollgate_usage_spent that entries add to: one for each workspace and day.
func spent(entries []usage.Entry) (rows [][]any) {
	type day struct {
		workspace string
		number    int64
	}
	costs := map[day]int64{}
	for _, e := range entries {
		if e.Cost > 0 {
			costs[day{e.Workspace, e.Hour / 24}] += e.Cost
		}
	}
	for day, cost := range costs {
		rows = append(rows, []any{day.workspace, day.number, cost})
	}
	return rows
}

// Spent is what a workspace spent on the days from one to another, the second excluded. It is a usage.Keeper.
func (s *Store) Spent(ctx context.Context, workspace string, from, to int64) (cost int64, err error) {
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT CAST(COALESCE(sum(cost), 0) AS BIGINT) FROM tollgate_usage_spent
			WHERE workspace_id = $1 AND day >= $2 AND day < $3`, workspace, from, to).Scan(&cost)
	})
	return cost, err
}

// hour is the hour in which the transaction books. It makes others that book wait for its end.
func (d *Dialect) hour(ctx context.Context, tx *sql.Tx) (hour int64, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE tollgate_usage_clock SET booked =
		CASE WHEN booked > `+d.Clock+` / 3600 THEN booked ELSE `+d.Clock+` / 3600 END RETURNING booked`).Scan(&hour)
	return hour, err
}

// Fold makes days of the oldest hours that are not to be kept, and drops days that are too old. It is a usage.Keeper.
func (s *Store) Fold(ctx context.Context, keep usage.Keep) error {
	for more := true; more; {
		if err := s.transaction(ctx, func(tx *sql.Tx) (err error) {
			more, err = s.Dialect.fold(ctx, tx, keep)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// keptSpent is for how many days it is kept what a workspace spent: a quota looks back a month.
const keptSpent = 70

// fold makes days of what was booked on one day, and reports whether there is more of that.
func (d *Dialect) fold(ctx context.Context, tx *sql.Tx, keep usage.Keep) (more bool, err error) {
	now, err := d.hour(ctx, tx)
	if err != nil {
		return false, err
	}
	var oldest sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT min(booked) FROM tollgate_usage").Scan(&oldest); err != nil {
		return false, err
	}
	first, last := (oldest.Int64/24+1)*24, (now-keep.Hours)/24*24
	if !oldest.Valid || first > last {
		first = 0
	}
	for _, statement := range []struct {
		text string
		arg  int64
	}{
		{`INSERT INTO tollgate_usage_days (day, workspace_id, key_id, route, outcome, requests, cost, mcp_requests, mcp_cost)
			SELECT hour / 24, workspace_id, key_id, route, outcome, sum(requests), sum(cost), sum(mcp_requests), sum(mcp_cost)
			FROM tollgate_usage WHERE booked < $1
			GROUP BY hour / 24, workspace_id, key_id, route, outcome
			ON CONFLICT (workspace_id, day, key_id, route, outcome)
			DO UPDATE SET requests = tollgate_usage_days.requests + excluded.requests, cost = tollgate_usage_days.cost + excluded.cost,
			mcp_requests = tollgate_usage_days.mcp_requests + excluded.mcp_requests, mcp_cost = tollgate_usage_days.mcp_cost + excluded.mcp_cost`, first},
		{"DELETE FROM tollgate_usage WHERE booked < $1", first},
		{"UPDATE tollgate_usage_clock SET folded = $1 WHERE folded < $1", first},
		{"DELETE FROM tollgate_usage_days WHERE day < $1", now/24 - keep.Days},
		{"DELETE FROM tollgate_usage_writers WHERE hour < $1", now - 24*keep.Days},
		{"DELETE FROM tollgate_usage_spent WHERE day < $1", now/24 - keptSpent},
	} {
		if _, err := tx.ExecContext(ctx, statement.text, statement.arg); err != nil {
			return false, err
		}
	}
	return first > 0, nil
}

// usageColumns are the fields by which sums can be asked for, in tollgate_usage and in tollgate_usage_days.
var usageColumns = [...]struct {
	hours, days string
	of          func(*usage.Cell) any
}{
	usage.ByHour:      {"hour", "day * 24", func(c *usage.Cell) any { return &c.Hour }},
	usage.ByWorkspace: {"workspace_id", "workspace_id", func(c *usage.Cell) any { return &c.Workspace }},
	usage.ByKey:       {"key_id", "key_id", func(c *usage.Cell) any { return &c.Key }},
	usage.ByRoute:     {"route", "route", func(c *usage.Cell) any { return &c.Route }},
	usage.ByOutcome:   {"outcome", "outcome", func(c *usage.Cell) any { return &c.Outcome }},
}

// Sums gives the sums of a time by some fields, in no order; the same cell may come more than once. It is a usage.Keeper.
func (s *Store) Sums(ctx context.Context, q usage.Query, give func(usage.Entry) error) error {
	return s.snapshot(ctx, func(tx *sql.Tx) error {
		for _, days := range []bool{false, true} {
			from, span, by := "tollgate_usage", "hour", []string{}
			if days {
				from, span = "tollgate_usage_days", "day * 24"
			}
			for _, field := range q.By {
				if days {
					by = append(by, usageColumns[field].days)
				} else {
					by = append(by, usageColumns[field].hours)
				}
			}
			text := fmt.Sprintf("FROM %s WHERE %s >= $1 AND %s < $2", from, span, span)
			args := []any{q.From, q.To}
			if q.Workspace != "" {
				text, args = text+" AND workspace_id = $3", append(args, q.Workspace)
			}
			columns := by
			for _, sum := range []string{"requests", "cost", "mcp_requests", "mcp_cost"} {
				columns = append(columns, "CAST(sum("+sum+") AS BIGINT)")
			}
			text = "SELECT " + strings.Join(columns, ", ") + " " + text
			if len(by) > 0 {
				text += " GROUP BY " + strings.Join(by, ", ")
			} else {
				text += " HAVING count(*) > 0"
			}
			if err := eachRow(ctx, tx, text, args, func(rows *sql.Rows) error {
				var e usage.Entry
				fields := make([]any, 0, len(columns))
				for _, field := range q.By {
					fields = append(fields, usageColumns[field].of(&e.Cell))
				}
				if err := rows.Scan(append(fields, &e.Requests, &e.Cost, &e.MCP.Requests, &e.MCP.Cost)...); err != nil {
					return err
				}
				return give(e)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Entries gives what was booked behind a cursor and changes no more, in an order that is always the same. It is a usage.Keeper.
func (s *Store) Entries(ctx context.Context, since usage.Cursor, give func(usage.Cursor, usage.Entry) error) (next usage.Cursor, err error) {
	if err := s.transaction(ctx, func(tx *sql.Tx) (err error) {
		next.Hour, err = s.Dialect.hour(ctx, tx)
		return err
	}); err != nil {
		return since, err
	}
	return next, s.snapshot(ctx, func(tx *sql.Tx) error {
		var folded int64
		if err := tx.QueryRowContext(ctx, "SELECT folded FROM tollgate_usage_clock").Scan(&folded); err != nil {
			return err
		}
		if since != (usage.Cursor{}) && since.Hour < folded {
			return &usage.Folded{Cursor: since, Hour: folded}
		}
		at, bytewise := usage.Cursor{Hour: since.Hour}, s.Dialect.Bytewise
		return eachRow(ctx, tx, `SELECT booked, hour, workspace_id, key_id, route, outcome, requests, cost, mcp_requests, mcp_cost FROM tollgate_usage
			WHERE booked >= $1 AND booked < $2
			ORDER BY booked, hour, workspace_id`+bytewise+`, key_id`+bytewise+`, route`+bytewise+`, outcome`+bytewise,
			[]any{since.Hour, next.Hour}, func(rows *sql.Rows) error {
				var e usage.Entry
				var booked int64
				if err := rows.Scan(&booked, &e.Hour, &e.Workspace, &e.Key, &e.Route, &e.Outcome, &e.Requests, &e.Cost, &e.MCP.Requests, &e.MCP.Cost); err != nil {
					return err
				}
				if booked != at.Hour {
					at = usage.Cursor{Hour: booked}
				}
				if at.Rows++; at.Hour == since.Hour && at.Rows <= since.Rows {
					return nil
				}
				return give(at, e)
			})
	})
}
