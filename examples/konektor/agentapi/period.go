package agentapi

import (
	"math"
	"time"
)

// period is the time that an aggregate looks at, both ends included. From is null where it begins with the earliest data.
type period struct {
	// Timeframe is the named one, or "custom" where from or to was given.
	Timeframe string  `json:"timeframe"`
	From      *millis `json:"from"`
	To        millis  `json:"to"`
}

// period reads timeframe, from and to. Either of the latter overrides timeframe: without from it is open-ended from the
// earliest data, without to until now.
func (q *query) period(now time.Time) period {
	timeframe := q.choice("timeframe", timeframes, "last_30_days")
	from, to := q.between("from", "to")
	if from == nil && to == nil {
		return period{timeframe, timeframeStart(timeframe, now.In(q.location)), millisOf(now)}
	}
	if to == nil {
		end := millisOf(now)
		to = &end
	}
	return period{"custom", from, *to}
}

// timeframeStart is a midnight in the workspace's time zone: the last seven days are today and the six days before it,
// weeks begin on Monday. Nil stands for the earliest data.
func timeframeStart(timeframe string, now time.Time) *millis {
	day := now.Day()
	switch timeframe {
	case "all_time":
		return nil
	case "last_7_days":
		day -= 6
	case "last_30_days":
		day -= 29
	case "current_week":
		day -= (int(now.Weekday()) + 6) % 7
	case "current_month":
		day = 1
	}
	start := millisOf(time.Date(now.Year(), now.Month(), day, 0, 0, 0, 0, now.Location()))
	return &start
}

// bounds are the ends of the period, for SQL's BETWEEN.
func (p period) bounds() (from, to millis) {
	if p.From == nil {
		return math.MinInt64, p.To
	}
	return *p.From, p.To
}
