package crm

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// condition is one of a filter, as it came.
type condition struct {
	term, operator string
	value          any
}

// predicate tells whether a record is meant.
type predicate func(record) bool

// parseFilter reads a filter of a document: conditions as a list or an object, and filters within. What is no filter
// means every record.
func (s *Server) parseFilter(m *Module, value any) (predicate, error) {
	filter, _ := value.(map[string]any)
	var parts []predicate
	filters, _ := filter["filters"].([]any)
	for _, inner := range filters {
		part, err := s.parseFilter(m, inner)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	conditions, err := readConditions(filter["conditions"])
	if err != nil {
		return nil, err
	}
	for _, c := range conditions {
		part, err := s.parseCondition(m, c)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	search, _ := filter["textSearch"].(string)
	return func(r record) bool {
		return containsWords(r, search) && combine(parts, filter["match"] == "or", r)
	}, nil
}

func combine(parts []predicate, anyOf bool, r record) bool {
	if len(parts) == 0 {
		return true
	}
	meets := func(part predicate) bool { return part(r) == anyOf }
	return slices.ContainsFunc(parts, meets) == anyOf
}

func readConditions(value any) (conditions []condition, err error) {
	var list []any
	switch value := value.(type) {
	case []any:
		list = value
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			list = append(list, value[name])
		}
	}
	for _, entry := range list {
		object, _ := entry.(map[string]any)
		if object["disabled"] == true {
			continue
		}
		term, ok := object["term"].(string)
		operator, known := object["operator"].(string)
		operand, valued := object["value"]
		if !ok || !known || !valued || !slices.Contains(filterOperators, operator) {
			//lint:ignore ST1005 the server's words
			return nil, errors.New("All conditions must contain term, operator and value")
		}
		conditions = append(conditions, condition{strings.Replace(term, ".data", "", 1), operator, operand})
	}
	return conditions, nil
}

// userValue begins a value that stands for one of the session's own user.
const userValue = "$user."

func (s *Server) parseCondition(m *Module, c condition) (predicate, error) {
	path := strings.Split(c.term, ".")
	f := m.field(path[0])
	switch {
	case path[0] == "_id":
	case f == nil:
		return nil, fmt.Errorf("Field [%s] does not exists at [%s]", c.term, m.Name)
	case f.Type == "password":
		return nil, fmt.Errorf("Field type [%s] of [%s] not supported to filter", f.Type, f.Name)
	}
	wanted := c.value
	if text, ok := wanted.(string); ok {
		if text == "$user" {
			wanted = s.userID
		} else if name, own := strings.CutPrefix(text, userValue); own {
			user := s.store.get("User", s.userID)
			wanted = valueAt(user, strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(name), "."))
		}
	}
	return func(r record) bool { return c.meets(valueAt(r, path), wanted) }, nil
}

func (c condition) meets(value, wanted any) bool {
	switch c.operator {
	case "exists":
		return (value != nil) == (wanted == true)
	case "equals":
		return equals(value, wanted)
	case "not_equals":
		return !equals(value, wanted)
	case "in", "not_in":
		list, ok := wanted.([]any)
		if !ok {
			list = []any{wanted}
		}
		return slices.ContainsFunc(list, func(one any) bool { return equals(value, one) }) == (c.operator == "in")
	case "between":
		bounds, _ := wanted.(map[string]any)
		low, high := bounds["greater_or_equals"], bounds["less_or_equals"]
		return (low == nil || ordered(value, low, ">=")) && (high == nil || ordered(value, high, "<="))
	case "less_than":
		return ordered(value, wanted, "<")
	case "greater_than":
		return ordered(value, wanted, ">")
	case "less_or_equals":
		return ordered(value, wanted, "<=")
	case "greater_or_equals":
		return ordered(value, wanted, ">=")
	}
	return c.holds(value, wanted)
}

// holds looks for a text within a text, in any letter case.
func (c condition) holds(value, wanted any) bool {
	if list, ok := value.([]any); ok {
		some := slices.ContainsFunc(list, func(one any) bool { return c.holds(one, wanted) })
		return some
	}
	text, part := strings.ToLower(shown(value)), strings.ToLower(shown(wanted))
	switch c.operator {
	case "contains":
		return strings.Contains(text, part)
	case "not_contains":
		return !strings.Contains(text, part)
	case "starts_with":
		return strings.HasPrefix(text, part)
	}
	return strings.HasSuffix(text, part)
}

// ordered compares values of one type, and no others, as the database does.
func ordered(value, wanted any, how string) bool {
	order := 0
	switch value := value.(type) {
	case string:
		other, ok := wanted.(string)
		if !ok {
			return false
		}
		order = cmp.Compare(value, other)
	case float64:
		other, ok := wanted.(float64)
		if !ok {
			return false
		}
		order = cmp.Compare(value, other)
	case []any:
		return slices.ContainsFunc(value, func(one any) bool { return ordered(one, wanted, how) })
	default:
		return false
	}
	switch how {
	case "<":
		return order < 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	}
	return order >= 0
}

// valueAt is what a dotted name means in a value; of a list, one of its elements or the parts of all of them.
func valueAt(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	switch value := value.(type) {
	case map[string]any:
		return valueAt(value[path[0]], path[1:])
	case []any:
		for i := range value {
			if path[0] == fmt.Sprint(i) {
				return valueAt(value[i], path[1:])
			}
		}
		parts := make([]any, len(value))
		for i := range value {
			parts[i] = valueAt(value[i], path)
		}
		return parts
	}
	return nil
}

// equals compares values, and finds one in a list, as the database does.
func equals(value, wanted any) bool {
	if list, ok := value.([]any); ok && slices.ContainsFunc(list, func(one any) bool { return equals(one, wanted) }) {
		return true
	}
	return reflect.DeepEqual(value, wanted)
}

// containsWords reports whether every word of a search stands somewhere in a record, in any letter case. The records of
// users have no index of their words.
func containsWords(r record, search string) bool {
	words := strings.Fields(strings.ToLower(search))
	if len(words) == 0 {
		return true
	}
	var text strings.Builder
	gather(&text, r)
	all := strings.ToLower(text.String())
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(all, word) })
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
			if !strings.HasPrefix(name, "_") && name != "services" {
				gather(into, member)
			}
		}
	}
}

// sorted puts records into the order that a sort asks for: a list of {property, direction}, or that as JSON text.
func sorted(records []record, sort any) ([]record, error) {
	if text, ok := sort.(string); ok {
		if err := json.Unmarshal([]byte(text), &sort); err != nil {
			return nil, err
		}
	}
	list, ok := sort.([]any)
	if !ok && sort != nil {
		list = []any{sort}
	}
	records = slices.Clone(records)
	slices.Reverse(list)
	for _, entry := range list {
		by, _ := entry.(map[string]any)
		name, ok := by["property"].(string)
		if !ok {
			name, _ = by["term"].(string)
		}
		direction, _ := by["direction"].(string)
		path := strings.Split(name, ".")
		slices.SortStableFunc(records, func(a, b record) int {
			order := cmp.Compare(shown(valueAt(a, path)), shown(valueAt(b, path)))
			if strings.EqualFold(direction, "DESC") {
				return -order
			}
			return order
		})
	}
	return records, nil
}
