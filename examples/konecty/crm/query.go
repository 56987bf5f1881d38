package crm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// queryRequest is what a query may hold. What the real server also knows (relations, aggregators, sort) is not read.
type queryRequest struct {
	Document    string `json:"document"`
	Filter      filter `json:"filter"`
	Fields      string `json:"fields"`
	Limit       int    `json:"limit"`
	Start       int    `json:"start"`
	IncludeMeta bool   `json:"includeMeta"`
}

// filter says which records are meant: those that meet all conditions, or one of them, and the text search.
type filter struct {
	Match      string     `json:"match"`
	Conditions conditions `json:"conditions"`
	TextSearch string     `json:"textSearch"`
}

type condition struct {
	Term     string `json:"term"`
	Operator string `json:"operator"`
	Value    any    `json:"value"`
}

// conditions come as a list or, from the server's own pages, as an object.
type conditions []condition

// UnmarshalJSON reads both forms.
func (c *conditions) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return json.Unmarshal(text, (*[]condition)(c))
	}
	var named map[string]condition
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	for _, condition := range named {
		*c = append(*c, condition)
	}
	return nil
}

// maxRows is how many records one query gives at most, and where it asks for none.
const maxRows = 1000

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	body, wrong := readJSON(w, r)
	if wrong != nil {
		refuse(w, wrong)
		return
	}
	rows, total, meta, err := s.find(r, body)
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = lines.Encode(map[string]any{"_meta": failed(err.Error())})
		return
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	if meta {
		_ = lines.Encode(map[string]any{"_meta": map[string]any{"success": true, "total": total}})
	}
	for _, row := range rows {
		_ = lines.Encode(row)
	}
}

// find gives the rows of a query, how many there are without its limit, and whether a line about them comes first.
func (s *Server) find(r *http.Request, body any) (rows []record, total int, meta bool, err error) {
	if err := s.session(r); err != nil {
		return nil, 0, false, err
	}
	var asked queryRequest
	text, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(text, &asked)
	}
	if err != nil {
		//lint:ignore ST1005 the server's words
		return nil, 0, false, errors.New("Invalid query")
	}
	m := s.modules[asked.Document]
	if m == nil {
		//lint:ignore ST1005 the server's words
		return nil, 0, false, fmt.Errorf("Unknown document %s", asked.Document)
	}
	if err := asked.Filter.check(); err != nil {
		return nil, 0, false, err
	}
	if asked.Limit <= 0 || asked.Limit > maxRows {
		asked.Limit = maxRows
	}
	for _, candidate := range s.store.all(m.Document) {
		if !asked.Filter.matches(candidate) {
			continue
		}
		if total >= asked.Start && len(rows) < asked.Limit {
			rows = append(rows, pick(candidate, fieldList(asked.Fields)))
		}
		total++
	}
	return rows, total, asked.IncludeMeta, nil
}

// fieldList reads names that are separated by commas; _id always comes along.
func fieldList(text string) (names []string) {
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (f *filter) check() error {
	if f.Match != "" && f.Match != "and" && f.Match != "or" {
		//lint:ignore ST1005 the server's words
		return errors.New("Filter must contains a property named 'match' with one of values ['and', 'or']")
	}
	for _, c := range f.Conditions {
		if c.Operator != "equals" {
			//lint:ignore ST1005 the server's words
			return fmt.Errorf("Operator %s not supported for field %s", c.Operator, c.Term)
		}
	}
	return nil
}

func (f *filter) matches(r record) bool {
	if !containsWords(r, f.TextSearch) {
		return false
	}
	for _, c := range f.Conditions {
		equal := equals(valueAt(r, strings.Split(c.Term, ".")), c.Value)
		switch {
		case equal && f.Match == "or":
			return true
		case !equal && f.Match != "or":
			return false
		}
	}
	return f.Match != "or" || len(f.Conditions) == 0
}

// valueAt is what a dotted name means in a record; of a list, the parts of its elements.
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

// equals compares scalars, and finds one in a list, as the database does.
func equals(value, wanted any) bool {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if equals(element, wanted) {
				return true
			}
		}
		return false
	case map[string]any:
		return false
	}
	switch wanted.(type) {
	case []any, map[string]any:
		return false
	}
	return value == wanted
}

// containsWords reports whether every word of a search stands somewhere in a record, in any letter case.
func containsWords(r record, search string) bool {
	words := strings.Fields(strings.ToLower(search))
	if len(words) == 0 {
		return true
	}
	var text strings.Builder
	gather(&text, r)
	all := strings.ToLower(text.String())
	for _, word := range words {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

// gather collects all texts of a value.
func gather(into *strings.Builder, value any) {
	switch value := value.(type) {
	case string:
		into.WriteString(value)
		into.WriteByte('\n')
	case []any:
		for _, element := range value {
			gather(into, element)
		}
	case map[string]any:
		for name, member := range value {
			if !strings.HasPrefix(name, "_") {
				gather(into, member)
			}
		}
	}
}
