package agentapi

import (
	"context"
	"database/sql"
	"net/http"
	"slices"
)

// conversionEvents are the statuses that ad platforms are told of, and what they call them.
var conversionEvents = map[string]string{statusQualified: "QualifiedLead", statusWon: "Purchase"}

// queueConversion notes that the platform which brought the lead is to be told of its status; each event once.
func queueConversion(ctx context.Context, tx *sql.Tx, workspace string, l *lead) error {
	event := conversionEvents[l.Status]
	if event == "" || !slices.Contains(syncPlatforms, valueOf(l.AdPlatform)) {
		return nil
	}
	value := l.ActualValue
	if value == nil {
		value = l.EstimatedValue
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO conversions (workspace, lead_id, platform, event, state, value, created_at, updated_at)
		VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?6) ON CONFLICT DO NOTHING`,
		workspace, l.ID, *l.AdPlatform, event, value, l.UpdatedAt)
	return err
}

// platformSync is how far the conversions of one platform are.
type platformSync struct {
	Platform     string  `json:"platform"`
	Pending      int     `json:"pending"`
	Synced       int     `json:"synced"`
	Failed       int     `json:"failed"`
	LastSyncedAt *millis `json:"lastSyncedAt"`
	LastError    *string `json:"lastError"`
}

type conversionStatus struct {
	Period    period         `json:"period"`
	Platforms []platformSync `json:"platforms"`
}

func (a *API) getConversionStatus(r *http.Request, who identity) (*answer, error) {
	q, _, err := a.readQuery(r, who)
	if err != nil {
		return nil, err
	}
	asked, platform := q.period(a.now()), q.choice("platform", syncPlatforms, "")
	if err := q.check(); err != nil {
		return nil, err
	}
	status := conversionStatus{Period: asked}
	err = a.store.read(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		for _, name := range syncPlatforms {
			if platform != "" && platform != name {
				continue
			}
			sync, err := readSync(ctx, tx, who.workspace, name, asked)
			if err != nil {
				return err
			}
			status.Platforms = append(status.Platforms, sync)
		}
		return nil
	})
	return &answer{data: status}, err
}

func readSync(ctx context.Context, tx *sql.Tx, workspace, platform string, asked period) (platformSync, error) {
	sync := platformSync{Platform: platform}
	from, to := asked.bounds()
	const which = "conversions WHERE workspace = ? AND platform = ? AND created_at BETWEEN ? AND ?"
	err := tx.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'synced'),
		count(*) FILTER (WHERE state = 'failed'), max(updated_at) FILTER (WHERE state = 'synced')
		FROM `+which, workspace, platform, from, to).Scan(&sync.Pending, &sync.Synced, &sync.Failed, &sync.LastSyncedAt)
	if err != nil || sync.Failed == 0 {
		return sync, err
	}
	err = tx.QueryRowContext(ctx, "SELECT last_error FROM "+which+" AND state = 'failed' ORDER BY updated_at DESC LIMIT 1",
		workspace, platform, from, to).Scan(&sync.LastError)
	return sync, err
}

// conversion is one event that a platform has not been told of yet. It names the lead by its id only.
type conversion struct {
	LeadID    string   `json:"leadId"`
	Platform  string   `json:"platform"`
	Event     string   `json:"event"`
	State     string   `json:"state"`
	Value     *float64 `json:"value"`
	Attempts  int      `json:"attempts"`
	CreatedAt millis   `json:"createdAt"`
}

// listPendingConversions gives the events that wait, the oldest first.
func (a *API) listPendingConversions(r *http.Request, who identity) (*answer, error) {
	q, _, err := a.readQuery(r, who)
	if err != nil {
		return nil, err
	}
	asked, page, limit := q.period(a.now()), q.page(), q.limit()
	if err := q.check(); err != nil {
		return nil, err
	}
	const which = "conversions WHERE workspace = ? AND state = 'pending' AND created_at BETWEEN ? AND ?"
	from, to := asked.bounds()
	total, pending := 0, []conversion{}
	err = a.store.read(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+which, who.workspace, from, to).Scan(&total); err != nil {
			return err
		}
		return each(ctx, tx, "SELECT lead_id, platform, event, state, value, attempts, created_at FROM "+which+
			" ORDER BY created_at, lead_id, platform, event LIMIT ? OFFSET ?", []any{who.workspace, from, to, limit, (page - 1) * limit},
			func(rows *sql.Rows) error {
				var c conversion
				err := rows.Scan(&c.LeadID, &c.Platform, &c.Event, &c.State, &c.Value, &c.Attempts, &c.CreatedAt)
				pending = append(pending, c)
				return err
			})
	})
	return &answer{data: pending, pagination: paginate(page, limit, total)}, err
}
