package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

// maxRows is the most that a server gives at once.
const maxRows = 1000

func (s *session) lookupCommand() *cobra.Command {
	var fields []string
	var limit int
	cmd := &cobra.Command{
		Use: "lookup DOCUMENT TERM", Short: "Find the _id of records by code or text", Args: cobra.ExactArgs(2),
		RunE: s.action(func(ctx context.Context, arguments []string) error {
			if limit < 1 || limit > maxRows {
				return usageError{fmt.Errorf("--limit must be from 1 to %d", maxRows)}
			}
			term := strings.TrimSpace(arguments[1])
			if term == "" {
				return usageError{errors.New("the term is empty: give a code or a text")}
			}
			modules, err := s.discover(ctx)
			if err != nil {
				return err
			}
			m, err := exactly(modules, arguments[0])
			if err != nil {
				return err
			}
			if len(fields) == 0 {
				fields = displayFields(m)
			}
			if err := checkFields(m, fields); err != nil {
				return err
			}
			records, err := s.client.Find(ctx, api.Query{Document: m.Document, Term: term, Fields: fields, Limit: limit})
			if err != nil {
				return err
			}
			if len(records) == 0 {
				return fmt.Errorf("no %s matches %s", m.Document, api.Line(term))
			}
			s.printRecords(records, fields)
			return nil
		}),
	}
	cmd.Flags().StringSliceVar(&fields, "fields", nil, "fields to show, such as code,name.full (default the code and the name)")
	cmd.Flags().IntVar(&limit, "limit", 5, "how many records at most")
	return cmd
}

// displayFields are the fields by which people tell records of a module apart.
func displayFields(m *api.Module) (names []string) {
	for _, name := range []string{"code", "name", "subject", "title", "label", "status"} {
		if m.Field(name) != nil && len(names) < 2 {
			names = append(names, name)
		}
	}
	return names
}

// checkFields names the fields that a module does not have. Those that begin with _ are the server's own.
func checkFields(m *api.Module, names []string) error {
	for _, name := range names {
		if top, _, _ := strings.Cut(strings.TrimSpace(name), "."); m.Field(top) == nil && !strings.HasPrefix(top, "_") {
			return fmt.Errorf(`%s has no field %s: "konecty fields %s" lists them`, m.Document, api.Line(name), m.Document)
		}
	}
	return nil
}

func (s *session) printRecords(records []api.Record, fields []string) {
	if s.json {
		s.printJSON(records)
		return
	}
	columns := append([]string{"_id"}, fields...)
	columns = slices.Compact(columns)
	head := make([]string, len(columns))
	for i := range columns {
		head[i] = strings.ToUpper(columns[i])
	}
	rows := [][]string{head}
	for _, record := range records {
		row := make([]string, len(columns))
		for i, column := range columns {
			row[i] = shown(valueAt(map[string]any(record), strings.Split(strings.TrimSpace(column), ".")))
		}
		rows = append(rows, row)
	}
	s.printTable(rows)
}

// valueAt is what a dotted name means in a value; of a list, the parts of its elements.
func valueAt(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	switch value := value.(type) {
	case map[string]any:
		return valueAt(value[path[0]], path[1:])
	case []any:
		parts := make([]any, len(value))
		for i := range value {
			parts[i] = valueAt(value[i], path)
		}
		return parts
	}
	return nil
}
