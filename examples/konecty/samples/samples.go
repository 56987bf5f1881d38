// Package samples makes payloads for creating records out of the modules' metadata, half of them valid, each with what
// must come of it. Whoever judges such payloads (the backend, the policies, the client) is tested against them.
package samples

import (
	"maps"
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
	// Valid tells whether it is a record. Where it is not, Field is what is wrong.
	Valid bool
}

// Of makes the samples of all modules, for every field as many valid ones as others. Existing are the ids that lookups may
// name, one for each document.
func Of(modules []crm.Module, existing map[string]string) (all []Sample) {
	for i := range modules {
		m := &modules[i]
		base := least(m, existing)
		add := func(field, kind string, valid bool, changed map[string]any) {
			payload := maps.Clone(base)
			maps.Copy(payload, changed)
			all = append(all, Sample{m.Document, field, kind, payload, valid})
		}
		for j := range m.Fields {
			f := &m.Fields[j]
			right, wrong := valid(f, existing), invalid(f, existing)
			for k := range max(len(right), len(wrong)) {
				add(f.Name, f.Type, true, with(m, j, k, right, existing))
				add(f.Name, f.Type, false, with(m, j, k, wrong, existing))
			}
		}
		add("", "", true, nil)
		add("", "", true, map[string]any{"nothing": nil, "else": ""})
		add("", "", true, everything(m, existing))
		add("nothing", "", false, map[string]any{"nothing": 1})
		add("_id", "", false, map[string]any{"_id": "x"})
		add("__proto__", "", false, map[string]any{"__proto__": map[string]any{"a": 1}})
	}
	return all
}

// with is the k-th of some values for field j of a module. Where they begin anew another field comes along.
func with(m *crm.Module, j, k int, values []any, existing map[string]string) map[string]any {
	changed := map[string]any{}
	if other := &m.Fields[(j+k)%len(m.Fields)]; k >= len(values) && other.Type != "autoNumber" {
		more := valid(other, existing)
		changed[other.Name] = more[k%len(more)]
	}
	changed[m.Fields[j].Name] = values[k%len(values)]
	return changed
}

// everything has a valid value for every field that may be sent.
func everything(m *crm.Module, existing map[string]string) map[string]any {
	payload := map[string]any{}
	for i := range m.Fields {
		if f := &m.Fields[i]; f.Type != "autoNumber" {
			payload[f.Name] = valid(f, existing)[0]
		}
	}
	return payload
}

// least is a small payload that is a record: what is required, and one field more, so that no field is the only one.
func least(m *crm.Module, existing map[string]string) map[string]any {
	payload := map[string]any{}
	more := false
	for i := range m.Fields {
		f := &m.Fields[i]
		required := f.IsRequired && f.DefaultValue == nil
		if required || !more && f.Type != "autoNumber" {
			payload[f.Name] = valid(f, existing)[0]
			more = more || !required
		}
	}
	return payload
}

// valid are values that the field takes. The first is always there.
func valid(f *crm.Field, existing map[string]string) []any {
	values := validOnes(f, existing)
	if !f.IsList {
		return append(values, nothing(f, true)...)
	}
	return append([]any{values, []any{}, []any{values[0], values[0]}}, nonLists(values)...)
}

// nonLists are the values that, sent for a list field, stand for a list of one.
func nonLists(values []any) (single []any) {
	for _, value := range values {
		if _, list := value.([]any); !list {
			single = append(single, value)
		}
	}
	return single
}

// invalid are values that the field refuses.
func invalid(f *crm.Field, existing map[string]string) (values []any) {
	values = invalidOnes(f, existing)
	if !f.IsList {
		return append(values, nothing(f, false)...)
	}
	good := validOnes(f, existing)[0]
	values = nonLists(values)
	for _, value := range invalidOnes(f, existing) {
		values = append(values, []any{good, value})
	}
	return append(values, []any{nil}, []any{[]any{good}}, many(good, 201))
}

// nothing is null and "" where the field may stay away, or where it may not.
func nothing(f *crm.Field, mayStayAway bool) []any {
	if (f.IsRequired && f.DefaultValue == nil) == mayStayAway {
		return nil
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

func long(n int) string { return strings.Repeat("x", n) }

type object = map[string]any
