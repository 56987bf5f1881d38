package agentapi

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"
	_ "time/tzdata" // time zones, where the machine has none
)

// settings are what a workspace has chosen.
type settings struct {
	DisplayName  string `json:"displayName"`
	Timezone     string `json:"timezone"`
	Currency     string `json:"currency"`
	Language     string `json:"language"`
	DateFormat   string `json:"dateFormat"`
	TrackingCode string `json:"trackingCode"`

	plan     string
	location *time.Location
}

// subscription is what a workspace has bought. The plan is the gateway's where it says one.
type subscription struct {
	Plan             string `json:"plan"`
	Status           string `json:"status"`
	Interval         string `json:"interval"`
	CurrentPeriodEnd millis `json:"currentPeriodEnd"`
}

// usage is how much a workspace holds.
type usage struct {
	Leads              int `json:"leads"`
	LeadsThisMonth     int `json:"leadsThisMonth"`
	PendingConversions int `json:"pendingConversions"`
	SupportTickets     int `json:"supportTickets"`
}

type workspaceView struct {
	settings
	Subscription subscription `json:"subscription"`
	Usage        usage        `json:"usage"`
}

// settings gives the workspace's settings; one that has chosen nothing yet has the defaults.
func (s *store) settings(ctx context.Context, workspace string) (settings, error) {
	var chosen settings
	err := s.reads.QueryRowContext(ctx, `SELECT display_name, timezone, currency, language, date_format, tracking_code, plan
		FROM workspaces WHERE id = ?`, workspace).Scan(&chosen.DisplayName, &chosen.Timezone, &chosen.Currency,
		&chosen.Language, &chosen.DateFormat, &chosen.TrackingCode, &chosen.plan)
	if errors.Is(err, sql.ErrNoRows) {
		chosen, err = settings{DisplayName: workspace, Timezone: "UTC", Currency: "USD", Language: "en",
			DateFormat: "YYYY-MM-DD", TrackingCode: trackingCode(workspace), plan: "custom"}, nil
	}
	if err != nil {
		return settings{}, err
	}
	if chosen.location, err = time.LoadLocation(chosen.Timezone); err != nil {
		return settings{}, fmt.Errorf("loading the time zone of workspace %q: %w", workspace, err)
	}
	return chosen, nil
}

// trackingCode names a workspace in the tracking script of its website.
func trackingCode(workspace string) string {
	sum := sha256.Sum256([]byte("tracking code of " + workspace))
	return "KTR-" + hex.EncodeToString(sum[:5])
}

func (a *API) getWorkspace(r *http.Request, who identity) (*answer, error) {
	q, chosen, err := a.readQuery(r, who)
	if err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	now := a.now().In(chosen.location)
	view := workspaceView{settings: chosen, Subscription: subscription{Plan: chosen.plan, Status: "active", Interval: "month"}}
	if who.plan != "" {
		view.Subscription.Plan = who.plan
	}
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, chosen.location)
	view.Subscription.CurrentPeriodEnd = millisOf(month.AddDate(0, 1, 0))
	err = a.store.reads.QueryRowContext(r.Context(), `SELECT
		(SELECT count(*) FROM leads WHERE workspace = ?1),
		(SELECT count(*) FROM leads WHERE workspace = ?1 AND created_at >= ?2),
		(SELECT count(*) FROM conversions WHERE workspace = ?1 AND state = 'pending'),
		(SELECT count(*) FROM tickets WHERE workspace = ?1)`, who.workspace, millisOf(month)).Scan(
		&view.Usage.Leads, &view.Usage.LeadsThisMonth, &view.Usage.PendingConversions, &view.Usage.SupportTickets)
	return &answer{data: view}, err
}
