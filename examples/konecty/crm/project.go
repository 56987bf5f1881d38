package crm

import (
	"slices"
	"strings"
)

// fieldList reads names that are separated by commas as the server does: white space anywhere is dropped, and of names
// that begin alike only the first stays. All names that are empty come to none, which means the whole record.
func fieldList(text string) (names []string) {
	seen := map[string]bool{}
	for name := range strings.SplitSeq(strings.Join(strings.Fields(text), ""), ",") {
		top, _, _ := strings.Cut(name, ".")
		if name != "" && !seen[top] {
			seen[top] = true
			names = append(names, name)
		}
	}
	return names
}

// project copies the _id and the named fields of a record; a dotted name copies a part. Without names it copies all,
// those fields included that no metadata knows.
func project(from record, names []string) record {
	if len(names) == 0 {
		return from
	}
	picked := record{"_id": from["_id"]}
	for _, name := range names {
		copyField(picked, from, strings.Split(name, "."))
	}
	return picked
}

func copyField(into, from map[string]any, path []string) {
	value, found := from[path[0]]
	switch {
	case !found:
		return
	case len(path) == 1:
		into[path[0]] = clone(value)
		return
	}
	switch value := value.(type) {
	case map[string]any:
		into[path[0]] = copyPart(into[path[0]], value, path[1:])
	case []any:
		parts, ok := into[path[0]].([]any)
		if !ok {
			parts = make([]any, len(value))
			into[path[0]] = parts
		}
		for i, element := range value {
			if element, ok := element.(map[string]any); ok {
				parts[i] = copyPart(parts[i], element, path[1:])
			}
		}
	}
}

// copyPart adds a part of an object to what was copied of it before.
func copyPart(before any, from map[string]any, path []string) any {
	part, ok := before.(map[string]any)
	if !ok {
		part = map[string]any{}
	}
	copyField(part, from, path)
	return part
}

// clone copies the objects and lists within a value, so that nothing that is copied into a record changes another.
func clone(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for name, member := range value {
			copied[name] = clone(member)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i := range value {
			copied[i] = clone(value[i])
		}
		return copied
	}
	return value
}

// detailed joins the records that lookups name, where a find asks for details. The list of fields applies to what is
// joined, not to what the metadata would have shown of it.
func (s *Server) detailed(m *Module, from record, names []string) (record, []string) {
	joined := clone(from).(map[string]any)
	names = slices.Clone(names)
	for i := range m.Fields {
		f := &m.Fields[i]
		asked := slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name+".", f.Name+".") })
		if !f.isLookup() || len(f.DetailFields) == 0 || !asked {
			continue
		}
		joined[f.Name] = s.referred(f, joined[f.Name])
		names = slices.DeleteFunc(names, func(name string) bool { return name == f.Name })
		for _, part := range slices.Concat([]string{"_id"}, f.DetailFields, f.DescriptionFields) {
			names = append(names, f.Name+"."+part)
		}
	}
	return joined, names
}

// referred are the records that a lookup's value names.
func (s *Server) referred(f *Field, value any) any {
	switch value := value.(type) {
	case map[string]any:
		id, _ := value["_id"].(string)
		if found := s.store.get(f.Document, id); found != nil {
			return found
		}
	case []any:
		found := make([]any, len(value))
		for i := range value {
			found[i] = s.referred(f, value[i])
		}
		return found
	}
	return value
}
