package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// ledgerRow is a row of one of the ledger's tables, as far as it has the fields.
type ledgerRow struct {
	booked, hour        int64
	who                 string // a workspace, or the instance of a writer
	key, route, outcome string
	requests, cost      int64
	mcp                 struct{ requests, cost int64 }
	until, folded       int64 // as the clock says
}

// ledgerTables are the ledger's tables with what no row of them may be. A writer's number stands for its requests.
var ledgerTables = []struct {
	what, query string
	span        int64 // hours that one of the table's is
	wrong       map[string]func(*ledgerRow) bool
}{
	{"the hours of the ledger", "SELECT booked, hour, workspace_id, key_id, route, outcome, requests, cost, mcp_requests, mcp_cost FROM tollgate_usage", 1, map[string]func(*ledgerRow) bool{
		"count no request or less than no cost":    (*ledgerRow).countsNothing,
		countsMoreMCP:                              (*ledgerRow).moreMCP,
		"were booked in an hour that has not come": func(r *ledgerRow) bool { return r.booked > r.until },
		"are left in hours that became days":       func(r *ledgerRow) bool { return r.booked < r.folded },
	}},
	{"the days of the ledger", "SELECT 0, day, workspace_id, key_id, route, outcome, requests, cost, mcp_requests, mcp_cost FROM tollgate_usage_days", 24, map[string]func(*ledgerRow) bool{
		"count no request or less than no cost": (*ledgerRow).countsNothing,
		countsMoreMCP:                           (*ledgerRow).moreMCP,
	}},
	{"the writers of the ledger", "SELECT hour, hour, instance, '', '', '', number, 0, 0, 0 FROM tollgate_usage_writers", 1, map[string]func(*ledgerRow) bool{
		"have no number":                     (*ledgerRow).countsNothing,
		"wrote in an hour that has not come": func(r *ledgerRow) bool { return r.booked > r.until },
	}},
}

// countsNothing reports whether the row says what no gateway writes.
func (r *ledgerRow) countsNothing() bool {
	return r.requests < 1 || r.cost < 0 || r.who == "" || r.hour < 0
}

const countsMoreMCP = "count more or less calls of MCP tools than there can be"

// moreMCP reports whether the row says that more than all of it, or less than nothing, came as calls of MCP tools.
func (r *ledgerRow) moreMCP() bool {
	return !r.countsNothing() && (r.mcp.requests < 0 || r.mcp.requests > r.requests || r.mcp.cost < 0 || r.mcp.cost > r.cost)
}

// ledger holds every row of what was used to what gateways write.
func ledger(ctx context.Context, tx *sql.Tx, found func(keystore.Finding)) error {
	report := func(format string, args ...any) {
		found(keystore.Finding{What: fmt.Sprintf(format, args...), Do: "restore a backup; sums of what was used are not to be trusted until then"})
	}
	var clocks int64
	var clock ledgerRow
	err := tx.QueryRowContext(ctx, "SELECT count(*), coalesce(max(booked), 0), coalesce(max(folded), 0) FROM tollgate_usage_clock").Scan(&clocks, &clock.until, &clock.folded)
	switch {
	case err != nil && !isScan(err):
		return err
	case err != nil || clocks != 1 || clock.folded > clock.until:
		report("the clock of the ledger cannot be read: gateways write nothing of what is used")
		return nil
	}
	for _, table := range ledgerTables {
		rows, first := map[string]int64{}, map[string]string{}
		err := eachRow(ctx, tx, table.query, nil, func(scanned *sql.Rows) error {
			r := clock
			note := func(wrong string) {
				if rows[wrong]++; rows[wrong] == 1 {
					first[wrong] = fmt.Sprintf("%s at %s", r.who, time.Unix(3600*table.span*r.hour, 0).UTC().Format(time.RFC3339))
				}
			}
			if err := scanned.Scan(&r.booked, &r.hour, &r.who, &r.key, &r.route, &r.outcome, &r.requests, &r.cost, &r.mcp.requests, &r.mcp.cost); err != nil {
				if isScan(err) {
					note("cannot be read")
					return nil
				}
				return err
			}
			for wrong, is := range table.wrong {
				if is(&r) {
					note(wrong)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, wrong := range slices.Sorted(maps.Keys(rows)) {
			report("%s: rows that %s: %d, the first of %s", table.what, wrong, rows[wrong], first[wrong])
		}
	}
	return nil
}
