package agentapi

import (
	"context"
	"database/sql"
	"net/http"
	"slices"
)

// noPlatform counts leads that came from no ad platform.
const noPlatform = "none"

// summary holds totals over the leads created in a period. Nothing in it belongs to one lead.
type summary struct {
	Period       period         `json:"period"`
	Currency     string         `json:"currency"`
	Total        int            `json:"total"`
	Open         int            `json:"open"`
	Won          int            `json:"won"`
	Lost         int            `json:"lost"`
	WinRate      float64        `json:"winRate"`
	AverageScore float64        `json:"averageScore"`
	Pipeline     float64        `json:"pipelineValue"`
	Revenue      float64        `json:"revenue"`
	ByStatus     map[string]int `json:"byStatus"`
	ByPriority   map[string]int `json:"byPriority"`
	BySource     map[string]int `json:"bySource"`
	ByAdPlatform map[string]int `json:"byAdPlatform"`
}

// aggregate begins an analytics request: its period, and the rows of a grouping query over it.
func (a *API) aggregate(r *http.Request, who identity, query string, scan func(*sql.Rows) error) (period, settings, error) {
	q, chosen, err := a.readQuery(r, who)
	if err != nil {
		return period{}, chosen, err
	}
	asked := q.period(a.now())
	if err := q.check(); err != nil {
		return asked, chosen, err
	}
	from, to := asked.bounds()
	return asked, chosen, a.store.read(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, query, []any{who.workspace, from, to}, scan)
	})
}

func (a *API) getSummary(r *http.Request, who identity) (*answer, error) {
	s := summary{ByStatus: zeros(leadStatuses), ByPriority: zeros(priorities), BySource: zeros(leadSources),
		ByAdPlatform: zeros(append([]string{noPlatform}, adPlatforms...))}
	score := 0
	var err error
	var chosen settings
	s.Period, chosen, err = a.aggregate(r, who, `SELECT status, priority, source, coalesce(ad_platform, 'none'), count(*), sum(score),
		coalesce(sum(estimated_value), 0), coalesce(sum(coalesce(actual_value, estimated_value)), 0)
		FROM leads WHERE workspace = ? AND created_at BETWEEN ? AND ? GROUP BY 1, 2, 3, 4`, func(rows *sql.Rows) error {
		var status, priority, source, platform string
		var n, scores int
		var estimated, actual float64
		if err := rows.Scan(&status, &priority, &source, &platform, &n, &scores, &estimated, &actual); err != nil {
			return err
		}
		s.Total += n
		score += scores
		s.ByStatus[status] += n
		s.ByPriority[priority] += n
		s.BySource[source] += n
		s.ByAdPlatform[platform] += n
		switch status {
		case statusWon:
			s.Revenue += actual
		case statusLost:
		default:
			s.Pipeline += estimated
		}
		return nil
	})
	s.Currency, s.Won, s.Lost = chosen.Currency, s.ByStatus[statusWon], s.ByStatus[statusLost]
	s.Open = s.Total - s.Won - s.Lost
	s.Pipeline, s.Revenue = round(s.Pipeline, 2), round(s.Revenue, 2)
	s.WinRate, s.AverageScore = ratio(s.Won, s.Won+s.Lost), ratio(score, s.Total)
	return &answer{data: s}, err
}

// stage is one step of the funnel. Reached counts the leads that are here or further; Rate is their share of those that
// reached the step before.
type stage struct {
	Status  string  `json:"status"`
	Count   int     `json:"count"`
	Reached int     `json:"reached"`
	Rate    float64 `json:"rate"`
}

type funnel struct {
	Period period  `json:"period"`
	Stages []stage `json:"stages"`
	Lost   int     `json:"lost"`
}

func (a *API) getFunnel(r *http.Request, who identity) (*answer, error) {
	counts := map[string]int{}
	asked, _, err := a.aggregate(r, who, `SELECT status, count(*) FROM leads WHERE workspace = ? AND created_at BETWEEN ? AND ?
		GROUP BY status`, func(rows *sql.Rows) error {
		var status string
		var n int
		err := rows.Scan(&status, &n)
		counts[status] = n
		return err
	})
	return &answer{data: funnel{asked, stagesOf(counts), counts[statusLost]}}, err
}

// stagesOf puts the counts by status in the order of the funnel. A lead that was lost is in no stage: how far it had come
// is not recorded.
func stagesOf(counts map[string]int) []stage {
	var stages []stage
	reached := 0
	for _, status := range slices.Backward(leadStatuses) {
		if status != statusLost {
			reached += counts[status]
			stages = append(stages, stage{Status: status, Count: counts[status], Reached: reached})
		}
	}
	slices.Reverse(stages)
	for i := range stages {
		stages[i].Rate = ratio(stages[i].Reached, stages[max(i-1, 0)].Reached)
	}
	return stages
}

func zeros(names []string) map[string]int {
	counts := make(map[string]int, len(names))
	for _, name := range names {
		counts[name] = 0
	}
	return counts
}

// ratio is part / whole with four digits, 0 where there is no whole.
func ratio[N int | float64](part, whole N) float64 {
	if whole == 0 {
		return 0
	}
	return round(float64(part)/float64(whole), 4)
}
