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

// How the hour of a cell is written, where it is asked for by one of these.
const (
	asHour  = "2006-01-02T15:00Z"
	asDay   = time.DateOnly
	asMonth = "2006-01"
)

// fields are the words by which sums are asked for, with how the hour of a cell is written where that is one.
var fields = []struct {
	name   string
	field  Field
	period string
}{
	{"hour", ByHour, asHour}, {"day", ByHour, asDay}, {"month", ByHour, asMonth},
	{"workspace", ByWorkspace, ""}, {"key", ByKey, ""}, {"route", ByRoute, ""}, {"code", ByOutcome, ""}, {"way", byWay, ""},
}

// byWay is the field of no Cell: every Entry tells its ways.
const byWay Field = -1

// FieldNames are the words by which sums are asked for.
func FieldNames() (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// Report asks for sums by words.
type Report struct {
	// Names are the fields, in the order of the columns.
	Names []string
	// Query is what is asked for.
	Query Query

	fields []Field // of the names
	period string  // the format of the hour; empty: it is not asked for
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
		at := slices.Index(FieldNames(), name)
		switch {
		case at < 0:
			return nil, fmt.Errorf("sums by '%s' are not known: write some of %s, with commas between them", name, strings.Join(FieldNames(), ", "))
		case slices.Contains(r.Names, name):
			return nil, fmt.Errorf("'%s' is given twice: keep one of them", name)
		case fields[at].period != "" && r.period != "":
			return nil, fmt.Errorf("'%s' is one period too many: write one of hour, day and month", name)
		}
		r.period = cmp.Or(r.period, fields[at].period)
		r.Names, r.fields = append(r.Names, name), append(r.fields, fields[at].field)
		if fields[at].field != byWay {
			r.Query.By = append(r.Query.By, fields[at].field)
		}
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
	sums := map[line]*Sum{}
	err = k.Sums(ctx, r.Query, func(e Entry) error {
		switch hour := time.Unix(e.Hour*3600, 0); r.period {
		case asDay:
			e.Hour = e.Hour / 24 * 24
		case asMonth:
			e.Hour = HourOf(MonthOf(hour))
		}
		total.add(e.Sum)
		book := func(way string, sum Sum) bool {
			at := line{e.Cell, way}
			if sums[at] == nil {
				sums[at] = new(Sum)
			}
			sums[at].add(sum)
			return true
		}
		if slices.Contains(r.fields, byWay) {
			e.Ways(book)
		} else {
			book("", e.Sum)
		}
		return nil
	})
	for line, sum := range sums {
		rows = append(rows, Row{r.values(&line), *sum})
	}
	slices.SortFunc(rows, func(a, b Row) int { return slices.CompareFunc(a.Values, b.Values, cmp.Compare) })
	return rows, total, err
}

// line is what a Row's sum is of.
type line struct {
	Cell
	way string
}

func (r *Report) values(c *line) []string {
	values := make([]string, len(r.Names))
	for i, field := range r.fields {
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
		case byWay:
			values[i] = c.way
		}
	}
	return values
}

func (s *Sum) add(other Sum) {
	s.Requests += other.Requests
	s.Cost += other.Cost
}
