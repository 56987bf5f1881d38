// Package samples makes payloads for creating records out of the modules' metadata, half of them valid, each with what the
// real server said to it. Whoever judges such payloads (the stand-in, the policies, the client) is tested against them.
package samples

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// Sample is one payload for a document.
type Sample struct {
	Document string
	// Field is what the sample is about, Type its type. An empty Type stands for the payload as a whole.
	Field, Type string
	// Payload is what would be sent, a JSON object in Go's values.
	Payload map[string]any
	// Valid tells whether the server takes it. Where it does not, Field is what is wrong.
	Valid bool
}

// Existing are ids of records that the stand-in begins with, one for each document that lookups name.
var Existing = map[string]string{"Contact": "JeSqMH6mkP5f233Rp", "Campaign": "c3WqHn5RvTzKpL8sJ", "Product": "p5RvTzKpL8sJc3WqH",
	"User": crm.UserID, "Group": "pQ7sVnRkDgWfTzJxH"}

// Strict are payloads that the server takes and the skill forbids, which policies and client refuse: they name what the
// server generates, or no field at all.
func Strict(modules []crm.Module) (all []Sample) {
	for i := range modules {
		m := &modules[i]
		for field, value := range map[string]any{"_id": "x", "nothing": 1.0, "code": 77.0} {
			if field == "code" && !slices.ContainsFunc(m.Fields, func(f crm.Field) bool { return f.Name == field }) {
				continue
			}
			payload := least(m, -len(all)-1)
			payload[field] = value
			all = append(all, Sample{m.Name, field, "", payload, true})
		}
	}
	return all
}

// Of makes the samples of all modules, for every field of their own as many valid ones as others.
func Of(modules []crm.Module) (all []Sample) {
	for i := range modules {
		m := &modules[i]
		add := func(field, kind string, valid bool, changed map[string]any) {
			payload := least(m, len(all))
			maps.Copy(payload, changed)
			all = append(all, Sample{m.Name, field, kind, payload, valid})
		}
		for j := range m.Fields {
			f := &m.Fields[j]
			if f.Type == "autoNumber" || strings.HasPrefix(f.Name, "_") || f.IsUnique {
				continue
			}
			right, wrong := valid(f), invalid(f)
			for k := range max(len(right), len(wrong)) {
				add(f.Name, f.Type, true, with(m, j, k, right))
				add(f.Name, f.Type, false, with(m, j, k, wrong))
			}
		}
		add("", "", true, nil)
		add("", "", true, map[string]any{"nothing": nil, "else": ""})
		add("_user", "", true, map[string]any{"_user": []any{object{"_id": crm.UserID}}})
		add("_user", "", false, map[string]any{"_user": object{"_id": crm.UserID}})
	}
	return all
}

// with is the k-th of some values for field j of a module. Where they begin anew another field comes along.
func with(m *crm.Module, j, k int, values []any) map[string]any {
	changed := map[string]any{}
	if other := &m.Fields[(j+k)%len(m.Fields)]; k >= len(values) && other.Type != "autoNumber" && !other.IsUnique && !strings.HasPrefix(other.Name, "_") {
		more := valid(other)
		changed[other.Name] = more[k%len(more)]
	}
	changed[m.Fields[j].Name] = values[k%len(values)]
	return changed
}

// least is a small payload that is a record: what is required, and one field more, so that no field is the only one.
// Where a field is unique, n makes the payload so.
func least(m *crm.Module, n int) map[string]any {
	payload := map[string]any{}
	more := false
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Type == "autoNumber" || strings.HasPrefix(f.Name, "_") {
			continue
		}
		required := (f.IsRequired || one(f.MinSelected)) && f.DefaultValue == nil && f.DefaultValues == nil
		switch {
		case required && f.IsUnique:
			payload[f.Name] = fmt.Sprintf("unique %s %d", m.Name, n)
		case required || !more && !f.IsUnique:
			payload[f.Name] = valid(f)[0]
			more = more || !required
		}
	}
	return payload
}

func one(least *int) bool { return least != nil && *least == 1 }

// valid are values that the field takes. The first is always there.
func valid(f *crm.Field) []any {
	values := validOnes(f)
	if !f.IsList {
		return append(slices.Clone(values), nothing(f, true)...)
	}
	lists := []any{values, []any{values[0]}, []any{}}
	if f.MaxElements > 0 {
		return append([]any{values[:min(len(values), f.MaxElements)]}, lists[1:]...)
	}
	for _, value := range values {
		if _, list := value.([]any); !list {
			lists = append(lists, value)
		}
	}
	return lists
}

// invalid are values that the field refuses.
func invalid(f *crm.Field) (values []any) {
	if !f.IsList {
		return append(slices.Clone(invalidOnes(f)), nothing(f, false)...)
	}
	good := validOnes(f)[0]
	for _, value := range invalidOnes(f) {
		if _, list := value.([]any); !list || f.Type == "picklist" {
			values = append(values, []any{good, value})
		}
		if _, list := value.([]any); !list {
			values = append(values, value)
		}
	}
	if f.Duplicates != nil {
		values = append(values, []any{good, good})
	}
	if f.MaxElements > 0 {
		values = append(values, good, many(good, f.MaxElements+1))
	}
	return values
}

// nothing is null and "" where the field may stay away, or where it may not. The server looks at "" for a lookup.
func nothing(f *crm.Field, mayStayAway bool) []any {
	// Of a list nothing may be sent but what it needs.
	needed := f.IsRequired && f.DefaultValue == nil && f.DefaultValues == nil
	switch {
	case f.Type == "lookup" && !mayStayAway && !needed:
		return []any{""}
	case needed == mayStayAway:
		return nil
	case f.Type == "lookup" && !needed:
		return []any{nil}
	}
	return []any{nil, ""}
}

func many(value any, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = value
	}
	return list
}

type object = map[string]any
