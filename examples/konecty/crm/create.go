package crm

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// create checks a payload and stores it as a record, or says what is wrong with it: of the lookups first, and only if
// they are in order of all fields.
func (s *Server) create(m *Module, payload any) (record, []string) {
	given, problem := s.fieldsOf(m, payload)
	if problem != "" {
		return nil, []string{"[" + m.Name + "] " + problem}
	}
	cleaned := maps.Clone(given)
	maps.DeleteFunc(cleaned, func(_ string, value any) bool { return value == nil || value == "" })
	if cleaned["_user"] == nil {
		cleaned["_user"] = []any{map[string]any{"_id": s.userID}}
	}
	if problems := s.notPermitted(m, cleaned); problems != nil {
		return nil, problems
	}
	problems := s.check(m, cleaned, given, func(f *Field) bool { return f.Type == "lookup" })
	if problems == nil {
		for i := range m.Fields {
			if f := &m.Fields[i]; cleaned[f.Name] == nil && f.Type != "autoNumber" && f.hasDefault() {
				cleaned[f.Name] = f.initial()
			}
		}
		problems = s.check(m, cleaned, cleaned, func(*Field) bool { return true })
	}
	if problems == nil && stumbles(cleaned) {
		problems = []string{"[" + m.Name + "] Cannot convert undefined or null to object"}
	}
	if problems != nil {
		return nil, problems
	}
	now := s.now().UTC().Format(storedTime)
	for name, value := range map[string]any{"_createdAt": now, "_updatedAt": now, "_createdBy": s.user, "_updatedBy": s.user} {
		if cleaned[name] == nil {
			cleaned[name] = value
		}
	}
	stored, problem := s.store.insert(m, cleaned)
	if problem != "" {
		return nil, []string{"[" + m.Name + "] " + problem}
	}
	return stored, nil
}

// fieldsOf gives a payload's fields. To the server a list is an object with numbers for names.
func (s *Server) fieldsOf(m *Module, payload any) (given map[string]any, problem string) {
	switch payload := payload.(type) {
	case map[string]any:
		given = payload
	case []any:
		given = map[string]any{}
		for i := range payload {
			given[strconv.Itoa(i)] = payload[i]
		}
	default:
		return nil, "Data must be object"
	}
	if len(given) == 0 {
		return nil, "Data must have at least one field"
	}
	if users := given["_user"]; users != nil {
		if _, ok := users.([]any); !ok {
			return nil, "_user must be array"
		}
	}
	return given, ""
}

// notPermitted names the fields that the session may not create.
func (s *Server) notPermitted(m *Module, given map[string]any) (problems []string) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if s.denied[m.Name+"."+name] {
			problems = append(problems, "["+m.Name+"] You don't have permission to create field "+name)
		}
	}
	return problems
}

// check puts into a record what the server makes of some fields' values, and says what is wrong with them. What no field
// is called is not looked at.
func (s *Server) check(m *Module, into record, values map[string]any, which func(*Field) bool) (problems []string) {
	for i := range m.Fields {
		f := &m.Fields[i]
		if !which(f) || f.Type == "autoNumber" {
			continue
		}
		stored, problem := s.take(m, f, values[f.Name])
		switch {
		case problem == unexpected:
			return []string{"[" + m.Name + "] " + unexpected}
		case problem != "":
			problems = append(problems, problem)
		case stored != nil:
			into[f.Name] = stored
		}
	}
	return problems
}

// take checks a field's value; of a list field each element, and a single value stands for a list of one.
func (s *Server) take(m *Module, f *Field, value any) (any, string) {
	if f.IsRequired && (value == nil || value == "") {
		return nil, "Field " + f.Name + " is required"
	}
	if problem := f.bounded(value); problem != "" {
		return nil, problem
	}
	if value == nil {
		return nil, ""
	}
	if f.IsUnique && !isEmpty(value) && slices.ContainsFunc(s.store.all(m.Name), func(r record) bool { return equals(r[f.Name], value) }) {
		return nil, must(f.Name, "be unique")
	}
	if !f.IsList {
		return s.takeOne(f, value)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
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

// bounded says what is wrong with a list as a list.
func (f *Field) bounded(value any) string {
	list, ok := value.([]any)
	switch {
	case !f.IsList:
	case f.MaxElements > 0 && (!ok || len(list) > f.MaxElements):
		return must(f.Name, fmt.Sprintf("be array with the maximum of %d item(s)", f.MaxElements))
	case f.MinElements > 0 && (!ok || len(list) < f.MinElements):
		return must(f.Name, fmt.Sprintf("be array with the minimum of %d item(s)", f.MinElements))
	case f.Duplicates != nil && !*f.Duplicates && ok && hasTwins(list):
		return must(f.Name, "be a list with no duplicated values")
	}
	return ""
}

func hasTwins(list []any) bool {
	for i := range list {
		if slices.ContainsFunc(list[:i], func(other any) bool { return reflect.DeepEqual(other, list[i]) }) {
			return true
		}
	}
	return false
}

func (s *Server) takeOne(f *Field, value any) (any, string) {
	if f.isLookup() {
		return s.takeLookup(f, value)
	}
	take, known := kinds[f.Type]
	if !known {
		return nil, "Field " + f.Name + " of type " + f.Type + " can not be validated"
	}
	if value == nil && (f.Type == "date" || f.Type == "dateTime") { // an element of a list
		return nil, unexpected
	}
	return take(f, value)
}

// takeLookup finds the record that an _id names and copies its description fields. Nothing within clears the field.
func (s *Server) takeLookup(f *Field, value any) (any, string) {
	switch list := value.(type) {
	case map[string]any:
		if len(list) == 0 {
			return nil, ""
		}
	case []any:
		if len(list) == 0 {
			return nil, ""
		}
	}
	object, problem := members(f, value)
	if problem != "" {
		return nil, problem
	}
	id, ok := object["_id"].(string)
	if !ok {
		return nil, must(f.Name+"._id", "be a valid String")
	}
	if s.modules[f.Document] == nil {
		return nil, "Collection " + f.Document + " not found"
	}
	found := s.store.get(f.Document, id)
	if found == nil {
		return nil, "Record not found for field " + f.Name + " with _id [" + id + "] on document [" + f.Document + "]"
	}
	return project(found, f.DescriptionFields), ""
}

// stumbles reports what the server trips over on its way to the database: null in a list that is a member of an object.
// The elements of such a list are read as objects themselves, lists with numbers for names among them.
func stumbles(value any) bool {
	members := []any{}
	switch value := value.(type) {
	case map[string]any:
		members = slices.AppendSeq(members, maps.Values(value))
	case []any:
		members = value
	}
	return slices.ContainsFunc(members, func(member any) bool {
		if list, ok := member.([]any); ok {
			return slices.ContainsFunc(list, func(element any) bool { return element == nil || stumbles(element) })
		}
		object, ok := member.(map[string]any)
		return ok && stumbles(object)
	})
}
