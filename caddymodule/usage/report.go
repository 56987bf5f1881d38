package usage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
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
