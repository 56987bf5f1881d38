package crm

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// targets are the records that an update or a delete names: those there are, and the ids of those there are not.
func (s *Server) targets(m *Module, body any) (payload map[string]any, found []record, missing []string, problem string) {
	payload, ok := body.(map[string]any)
	if !ok {
		return nil, nil, nil, "Invalid payload"
	}
	ids, _ := payload["ids"].([]any)
	if len(ids) == 0 {
		return nil, nil, nil, "Payload must contain an array of ids with at least one item"
	}
	for _, entry := range ids {
		target, _ := entry.(map[string]any)
		id, ok := target["_id"].(string)
		if !ok || !isMoment(target["_updatedAt"]) {
			return nil, nil, nil, "Each id must contain an string field named _id an date field named _updatedAt"
		}
		if r := s.store.get(m.Name, id); r != nil {
			found = append(found, r)
		} else {
			missing = append(missing, id)
		}
	}
	return payload, found, missing, ""
}

func isMoment(value any) bool {
	if wrapped, ok := value.(map[string]any); ok {
		value = wrapped["$date"]
	}
	_, ok := value.(string)
	return ok
}

// update changes some records and answers with the whole of them.
func (s *Server) update(m *Module, body any) (any, []string) {
	payload, found, missing, problem := s.targets(m, body)
	data, _ := payload["data"].(map[string]any)
	switch {
	case problem != "":
	case len(data) == 0:
		problem = "Data must have at least one field"
	case missing != nil:
		problem = fmt.Sprintf("You don't have permission to update records %s or they don't exists", strings.Join(missing, ", "))
	}
	if problem != "" {
		return nil, []string{"[" + m.Name + "] " + problem}
	}
	var problems []string
	changed := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		f := m.field(name)
		if f == nil {
			problems = append(problems, "Field "+name+" does not exists on "+m.Name)
			continue
		}
		if f.Type == "autoNumber" {
			continue
		}
		stored, problem := s.take(m, f, data[name])
		if problem != "" {
			problems = append(problems, problem)
		}
		changed[name] = stored
	}
	if problems != nil {
		return nil, problems
	}
	whole := make([]record, len(found))
	for i, r := range found {
		whole[i] = maps.Clone(r)
		maps.Copy(whole[i], changed)
		maps.DeleteFunc(whole[i], func(_ string, value any) bool { return value == nil })
		whole[i]["_updatedAt"], whole[i]["_updatedBy"] = s.now().UTC().Format(storedTime), s.user
	}
	s.store.replace(m.Name, whole, nil)
	return whole, nil
}

// remove deletes some records and answers with their ids.
func (s *Server) remove(m *Module, body any) (any, []string) {
	_, found, missing, problem := s.targets(m, body)
	if problem == "" && missing != nil {
		problem = fmt.Sprintf("You don't have permission to delete records %s or they don't exists", strings.Join(missing, ", "))
	}
	if problem != "" {
		return nil, []string{"[" + m.Name + "] " + problem}
	}
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i] = r["_id"].(string)
	}
	s.store.replace(m.Name, nil, ids)
	return ids, nil
}

// written answers a call that changes records.
func (s *Server) written(verb string, write func(*Module, any) (any, []string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, wrong := readJSON(w, r)
		if wrong != nil {
			refuse(w, wrong)
			return
		}
		document := r.PathValue("document")
		if err := s.session(r); err != nil {
			writeJSON(w, http.StatusOK, failed(err.Error()))
			return
		}
		m := s.modules[document]
		switch {
		case s.closed[document] || s.denied[document]:
			writeJSON(w, http.StatusOK, failed("["+document+"] You don't have permission to "+verb+" records"))
			return
		case m == nil:
			writeJSON(w, http.StatusOK, failed("["+document+"] Document not found"))
			return
		}
		data, problems := write(m, body)
		if problems != nil {
			writeJSON(w, http.StatusOK, failed(problems...))
			return
		}
		writeJSON(w, http.StatusOK, succeeded(data))
	}
}
