package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

// printTable prints rows in columns. What comes from the server is made printable.
func (s *session) printTable(rows [][]string) {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = api.Line(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	_ = table.Flush() // into memory
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(&s.out, strings.TrimRight(line, " \n"))
	}
}

// printRecord prints a record field by field, the server's own last.
func (s *session) printRecord(r api.Record) {
	if s.json {
		s.printJSON(r)
		return
	}
	var rows, own [][]string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if row := []string{name, shown(r[name])}; strings.HasPrefix(name, "_") && name != "_id" {
			own = append(own, row)
		} else {
			rows = append(rows, row)
		}
	}
	s.printTable(append(rows, own...))
}

// shown is a value in a table: texts as they are, names and references by what people call them, the rest as JSON.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case map[string]any:
		for _, member := range []string{"full", "address"} {
			if text, ok := value[member].(string); ok {
				return text
			}
		}
	case []any:
		parts := make([]string, len(value))
		for i := range value {
			parts[i] = shown(value[i])
		}
		return strings.Join(parts, ", ")
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // came as JSON
	return strings.TrimSpace(text.String())
}

// printable keeps a terminal from obeying a text: of what is no character to be seen only line breaks stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return ' '
		}
		return r
	}, text)
}
