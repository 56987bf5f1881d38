package crm

import (
	"maps"
	"slices"
	"strings"
)

// create checks a payload and stores it as a record. What is wrong is said all at once, in the server's words.
func (s *Server) create(m *Module, payload any) (record, []string) {
	object, ok := payload.(map[string]any)
	if !ok {
		return nil, []string{"[" + m.Document + "] Data must be object"}
	}
	given := maps.Clone(object)
	maps.DeleteFunc(given, func(_ string, value any) bool { return value == nil || value == "" })
	if len(given) == 0 {
		return nil, []string{"[" + m.Document + "] Data must have at least one field"}
	}
	if problems := s.notPermitted(m, given); problems != nil {
		return nil, problems
	}
	created, problems := s.checked(m, given)
	if problems != nil {
		return nil, problems
	}
	now := s.now().UTC().Format(storedTime)
	created["_createdAt"], created["_updatedAt"] = now, now
	created["_createdBy"], created["_updatedBy"] = s.user, s.user
	stored, ok := s.store.insert(m, created)
	if !ok {
		return nil, []string{"[" + m.Document + "] Error on insert, there is no affected record"}
	}
	return stored, nil
}

// notPermitted names the fields that the session may not create: those it is denied, and those that the server generates.
func (s *Server) notPermitted(m *Module, given map[string]any) (problems []string) {
	if s.denied[m.Document] {
		return []string{"[" + m.Document + "] You don't have permission to create records"}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		f := m.field(name)
		if name == "_id" || f != nil && f.Type == "autoNumber" || s.denied[m.Document+"."+name] {
			problems = append(problems, "["+m.Document+"] You don't have permission to create field "+name)
		}
	}
	return problems
}

// checked gives the record that a payload makes, with defaults, or everything that is wrong with it.
func (s *Server) checked(m *Module, given map[string]any) (record, []string) {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if m.field(name) == nil {
			problems = append(problems, "Field "+name+" does not exists on "+m.Document)
		}
	}
	created := record{}
	for i := range m.Fields {
		f := &m.Fields[i]
		value, sent := given[f.Name]
		if !sent {
			value = f.DefaultValue
		}
		if value == nil {
			if f.IsRequired {
				problems = append(problems, "Field "+f.Name+" is required")
			}
			continue
		}
		stored, problem := s.take(f, value)
		if problem != "" {
			problems = append(problems, problem)
			continue
		}
		created[f.Name] = stored
	}
	return created, problems
}

// maxElements bounds lists.
const maxElements = 200

// take checks a field's value; of a list field each element, and a single value stands for a list of one.
func (s *Server) take(f *Field, value any) (any, string) {
	if !f.IsList {
		return s.takeOne(f, value)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if len(list) > maxElements {
		return nil, must(f.Name, "be array with the maximum of 200 item(s)")
	}
	stored := make([]any, len(list))
	for i, element := range list {
		var problem string
		if stored[i], problem = s.takeOne(f, element); problem != "" {
			return nil, problem
		}
	}
	return stored, ""
}

func (s *Server) takeOne(f *Field, value any) (any, string) {
	if f.Type == "lookup" || f.Type == "inheritLookup" {
		return s.takeLookup(f, value)
	}
	take, known := kinds[f.Type]
	if !known {
		return nil, "Field " + f.Name + " of type " + f.Type + " can not be validated"
	}
	return take(f, f.Name, value)
}

// takeLookup finds the record that an _id names and copies its description fields.
func (s *Server) takeLookup(f *Field, value any) (any, string) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, must(f.Name, "be a valid Object")
	}
	id, ok := object["_id"].(string)
	if !ok || id == "" {
		return nil, must(f.Name+"._id", "be a valid String")
	}
	found := s.store.get(f.Document, id)
	if found == nil {
		return nil, "Record not found for field " + f.Name + " with _id [" + id + "] on document [" + f.Document + "]"
	}
	return pick(found, f.DescriptionFields), ""
}

// pick copies the _id and the named fields of a record; a dotted name copies a part. Without names it copies all.
func pick(from record, names []string) record {
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
