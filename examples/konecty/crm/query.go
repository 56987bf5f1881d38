package crm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// crossQuery is a query over a document and those related to it.
type crossQuery struct {
	Document    string                `json:"document"`
	Filter      any                   `json:"filter"`
	Fields      string                `json:"fields"`
	Sort        any                   `json:"sort"`
	Limit       *int                  `json:"limit"`
	Start       int                   `json:"start"`
	Relations   []relation            `json:"relations"`
	GroupBy     []string              `json:"groupBy"`
	Aggregators map[string]aggregator `json:"aggregators"`
	IncludeMeta bool                  `json:"includeMeta"`
}

// relation asks for records whose lookup names one of the parent's, or that On joins to it.
type relation struct {
	Document    string `json:"document"`
	Lookup      string `json:"lookup"`
	On          *struct{ Left, Right string }
	Filter      any                   `json:"filter"`
	Fields      string                `json:"fields"`
	Sort        any                   `json:"sort"`
	Limit       *int                  `json:"limit"`
	Start       int                   `json:"start"`
	Aggregators map[string]aggregator `json:"aggregators"`
	Relations   []relation            `json:"relations"`
}

// aggregator makes one value of many records. Without Field it makes it of the records themselves.
type aggregator struct {
	Aggregator string `json:"aggregator"`
	Field      string `json:"field"`
}

// deepest is how many relations may stand within each other.
const deepest = 3

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	body, wrong := readJSON(w, r)
	if wrong != nil {
		refuse(w, wrong)
		return
	}
	rows, total, meta, err := s.crossed(r, body)
	w.Header().Set("Content-Type", "application/x-ndjson")
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

// crossed gives the rows of a query, how many there are without its limit, and whether a line about them comes first.
func (s *Server) crossed(r *http.Request, body any) (rows []record, total int, meta bool, err error) {
	var asked crossQuery
	text, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(text, &asked)
	}
	wrong := (*json.UnmarshalTypeError)(nil)
	switch {
	case errors.As(err, &wrong):
		return nil, 0, false, fmt.Errorf("%s: Expected %s, received %s", wrong.Field, wrong.Type, wrong.Value)
	case err != nil:
		return nil, 0, false, err
	case s.modules[asked.Document] == nil:
		//lint:ignore ST1005 the server's words
		return nil, 0, false, fmt.Errorf("Document '%s' not found in metadata", asked.Document)
	}
	if err := s.checkRelations(asked.Document, asked.Relations, 1); err != nil {
		return nil, 0, false, err
	}
	if err := s.session(r); err != nil {
		return nil, 0, false, err
	}
	if s.closed[asked.Document] {
		return nil, 0, false, errors.New("dataExplorer.errors.primaryNoReadAccess")
	}
	limit := maxRows
	if asked.Limit != nil {
		limit = *asked.Limit
	}
	rows, total, err = s.selected(selection{
		module: s.modules[asked.Document], fields: asked.augmented(), filter: asked.Filter, sort: asked.Sort, limit: limit, start: asked.Start,
	})
	if err != nil {
		return nil, 0, false, err
	}
	if rows, err = s.related(asked.Document, rows, asked.Relations); err != nil {
		return nil, 0, false, err
	}
	if len(asked.GroupBy) > 0 {
		rows = grouped(rows, asked.GroupBy, asked.Aggregators)
	}
	return rows, total, asked.IncludeMeta, nil
}

// augmented are the fields of a query with those that its groups and relations need. The server adds them to a list, and
// to none if there is none.
func (q *crossQuery) augmented() []string {
	if strings.TrimSpace(q.Fields) == "" {
		return nil
	}
	more := []string{q.Fields, "_id"}
	add := func(name string) {
		top, _, _ := strings.Cut(name, ".")
		more = append(more, top)
	}
	for _, name := range q.GroupBy {
		add(name)
	}
	for _, a := range q.Aggregators {
		add(a.Field)
	}
	for _, r := range q.Relations {
		if r.On != nil {
			add(r.On.Left)
		}
	}
	return fieldList(strings.Join(more, ","))
}

func (s *Server) checkRelations(parent string, relations []relation, depth int) error {
	if depth > deepest && len(relations) > 0 {
		//lint:ignore ST1005 the server's words
		return fmt.Errorf("Maximum nesting depth of %d exceeded", deepest-1)
	}
	for _, r := range relations {
		m := s.modules[r.Document]
		if m == nil {
			//lint:ignore ST1005 the server's words
			return fmt.Errorf("Relation document '%s' not found in metadata", r.Document)
		}
		if len(r.Aggregators) == 0 {
			return errors.New("relations.0.aggregators: At least one aggregator is required per relation")
		}
		if f := m.field(r.Lookup); r.On == nil && (f == nil || f.Document != parent) {
			//lint:ignore ST1005 the server's words
			return fmt.Errorf("Lookup field '%s' in '%s' is not a valid lookup pointing to '%s'", r.Lookup, r.Document, parent)
		}
		if err := s.checkRelations(r.Document, r.Relations, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// related adds to the rows of a document what the relations make of the records that belong to each.
func (s *Server) related(document string, rows []record, relations []relation) ([]record, error) {
	for _, r := range relations {
		if s.closed[r.Document] {
			continue // without a word but a warning
		}
		parent, child := []string{"_id"}, []string{r.Lookup, "_id"}
		if r.On != nil {
			parent, child = strings.Split(r.On.Left, "."), strings.Split(r.On.Right, ".")
		}
		limit := maxRows
		if r.Limit != nil {
			limit = *r.Limit
		}
		names := fieldList(r.Fields)
		if len(names) > 0 {
			names = fieldList(r.Fields + "," + child[0])
		}
		children, _, err := s.selected(selection{module: s.modules[r.Document], fields: names, filter: r.Filter, sort: r.Sort, limit: limit, start: r.Start})
		if err != nil {
			return nil, err
		}
		if children, err = s.related(r.Document, children, r.Relations); err != nil {
			return nil, err
		}
		whole := slices.Clone(rows)
		for i, row := range rows {
			mine := slices.DeleteFunc(slices.Clone(children), func(c record) bool {
				keys, list := valueAt(row, parent).([]any)
				if !list {
					keys = []any{valueAt(row, parent)}
				}
				return !slices.ContainsFunc(keys, func(key any) bool { return key != nil && equals(valueAt(c, child), key) })
			})
			whole[i] = maps.Clone(row)
			for name, a := range r.Aggregators {
				whole[i][name] = a.of(mine)
			}
		}
		rows = whole
	}
	return rows, nil
}

// of makes one value of records.
func (a aggregator) of(records []record) any {
	values := []any{}
	for _, r := range records {
		if a.Field == "" {
			values = append(values, r)
		} else {
			values = append(values, valueAt(r, strings.Split(a.Field, ".")))
		}
	}
	switch {
	case a.Aggregator == "count":
		return len(records)
	case a.Aggregator == "first" && len(values) > 0:
		return values[0]
	case a.Aggregator == "last" && len(values) > 0:
		return values[len(values)-1]
	case a.Aggregator == "push" || a.Aggregator == "addToSet":
		return values
	}
	return nil
}

// grouped makes one row of those that have the same values.
func grouped(rows []record, by []string, aggregators map[string]aggregator) (groups []record) {
	var order []string
	members := map[string][]record{}
	for _, row := range rows {
		var key strings.Builder
		for _, name := range by {
			key.WriteString(shown(valueAt(row, strings.Split(name, "."))) + "\x00")
		}
		if members[key.String()] == nil {
			order = append(order, key.String())
		}
		members[key.String()] = append(members[key.String()], row)
	}
	for _, key := range order {
		group := record{}
		for _, name := range by {
			group[name] = valueAt(members[key][0], strings.Split(name, "."))
		}
		for name, a := range aggregators {
			group[name] = a.of(members[key])
		}
		groups = append(groups, group)
	}
	return groups
}
