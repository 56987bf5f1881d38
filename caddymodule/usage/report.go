package usage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// FieldNames are the words by which sums are asked for.
var FieldNames = []string{"hour", "day", "month", "workspace", "key", "route", "code"}

// periods are how the hour of a cell is written, by the word.
var periods = map[string]string{"hour": "2006-01-02T15:00Z", "day": time.DateOnly, "month": "2006-01"}

var fields = map[string]Field{"hour": ByHour, "day": ByHour, "month": ByHour, "workspace": ByWorkspace, "key": ByKey, "route": ByRoute, "code": ByOutcome}

// Report asks for sums by words.
type Report struct {
	// Names are the fields, in the order of the columns.
	Names []string
	// Query is what is asked for.
	Query Query

	period string // the format of the hour; empty: it is not asked for
}

// Row is one sum of a report, with a value for each name.
type Row struct {
	Values []string
	Sum
}

// NewReport reads names with commas between them.
func NewReport(workspace string, from, to time.Time, names string) (*Report, error) {
	r := &Report{Query: Query{Workspace: workspace, From: HourOf(from), To: HourOf(to.Add(time.Hour - 1))}}
	if !from.Before(to) {
		return nil, fmt.Errorf("the time from %s to %s is empty: it ends after it begins", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	for name := range strings.SplitSeq(names, ",") {
		field, known := fields[name]
		switch {
		case !known:
			return nil, fmt.Errorf("sums by '%s' are not known: write some of %s, with commas between them", name, strings.Join(FieldNames, ", "))
		case slices.Contains(r.Names, name):
			return nil, fmt.Errorf("'%s' is given twice: keep one of them", name)
		case field == ByHour && r.period != "":
			return nil, fmt.Errorf("'%s' is one period too many: write one of hour, day and month", name)
		case field == ByHour:
			r.period = periods[name]
		}
		r.Names, r.Query.By = append(r.Names, name), append(r.Query.By, field)
	}
	return r, nil
}

// ParseMoment reads a day, which begins at 00:00 UTC, an RFC 3339 time, or how long before now.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	ago, err := record.ParseDuration(text)
	if err != nil {
		return now, fmt.Errorf("'%s' is not a time: write a day such as 2026-12-01, an RFC 3339 time, or how long ago, such as 30d", text)
	}
	return now.Add(-ago), nil
}

// MonthOf is the first moment of a month.
func MonthOf(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}

// View is the answer to a report, for programs.
type View struct {
	From  time.Time        `json:"from"`
	To    time.Time        `json:"to"`
	By    []string         `json:"by"`
	Rows  []map[string]any `json:"rows"`
	Total Sum              `json:"total"`
}

// View shows rows by name.
func (r *Report) View(rows []Row, total Sum) *View {
	view := &View{time.Unix(3600*r.Query.From, 0).UTC(), time.Unix(3600*r.Query.To, 0).UTC(), r.Names, []map[string]any{}, total}
	for _, row := range rows {
		one := map[string]any{"requests": row.Requests, "cost": row.Cost}
		for n, name := range r.Names {
			one[name] = row.Values[n]
		}
		view.Rows = append(view.Rows, one)
	}
	return view
}

// Rows asks for the sums, sorted by their values from left to right, and for the sum of all of them.
func (r *Report) Rows(ctx context.Context, k Keeper) (rows []Row, total Sum, err error) {
	sums := map[Cell]*Sum{}
	err = k.Sums(ctx, r.Query, func(e Entry) error {
		switch hour := time.Unix(e.Hour*3600, 0).UTC(); r.period {
		case periods["day"]:
			e.Hour -= int64(hour.Hour())
		case periods["month"]:
			e.Hour = HourOf(time.Date(hour.Year(), hour.Month(), 1, 0, 0, 0, 0, time.UTC))
		}
		sum := sums[e.Cell]
		if sum == nil {
			sum = new(Sum)
			sums[e.Cell] = sum
		}
		sum.add(e.Sum)
		total.add(e.Sum)
		return nil
	})
	for cell, sum := range sums {
		rows = append(rows, Row{r.values(&cell), *sum})
	}
	slices.SortFunc(rows, func(a, b Row) int { return slices.CompareFunc(a.Values, b.Values, cmp.Compare) })
	return rows, total, err
}

func (r *Report) values(c *Cell) []string {
	values := make([]string, len(r.Names))
	for i, field := range r.Query.By {
		switch field {
		case ByHour:
			values[i] = time.Unix(c.Hour*3600, 0).UTC().Format(r.period)
		case ByWorkspace:
			values[i] = c.Workspace
		case ByKey:
			values[i] = c.Key
		case ByRoute:
			values[i] = c.Route
		case ByOutcome:
			values[i] = c.Outcome
		}
	}
	return values
}

func (s *Sum) add(other Sum) {
	s.Requests += other.Requests
	s.Cost += other.Cost
}
