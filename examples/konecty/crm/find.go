package crm

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

const (
	// maxRows is how many records a query gives where it asks for none.
	maxRows = 1000
	// pageSize is that of a find.
	pageSize = 50
)

// selection is what records of a document are asked for, whichever way.
type selection struct {
	module       *Module
	fields       []string
	filter       any
	sort         any
	limit, start int
	details      bool
}

// selected gives the rows of a selection, and how many there are without its limit.
func (s *Server) selected(a selection) (rows []record, total int, err error) {
	meets, err := s.parseFilter(a.module, a.filter)
	if err != nil {
		return nil, 0, err
	}
	found := slices.DeleteFunc(slices.Clone(s.store.all(a.module.Name)), func(r record) bool { return !meets(r) })
	if found, err = sorted(found, a.sort); err != nil {
		return nil, 0, err
	}
	total = len(found)
	found = found[min(max(a.start, 0), total):]
	if a.limit > 0 {
		found = found[:min(a.limit, len(found))]
	}
	rows = make([]record, len(found))
	for i, r := range found {
		names := a.fields
		if a.details {
			r, names = s.detailed(a.module, r, names)
		}
		rows[i] = project(r, names)
	}
	return rows, total, nil
}

// once is a parameter of the query; what is given several times is a list to the server, and no text.
func once(query url.Values, name string) string {
	if len(query[name]) != 1 {
		return ""
	}
	return query[name][0]
}

// find answers GET and POST of /rest/data/:document/find. All of it stands in the query of the URL, but for POST the
// filter: that is the whole body, whatever the body calls its parts.
func (s *Server) find(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var filter any
	if r.Method == http.MethodPost {
		body, wrong := readJSON(w, r)
		if wrong != nil {
			refuse(w, wrong)
			return
		}
		filter = body
	} else if text := once(query, "filter"); text != "" {
		decoded, err := url.PathUnescape(text) // once more
		if err == nil {
			err = json.Unmarshal([]byte(decoded), &filter)
		}
		if err != nil {
			refuse(w, &failure{http.StatusInternalServerError, "", err.Error()})
			return
		}
	}
	m, err := s.readable(r)
	if err != nil {
		writeJSON(w, http.StatusOK, failed(err.Error()))
		return
	}
	limit, _ := strconv.Atoi(once(query, "limit"))
	if limit == 0 {
		limit = pageSize
	}
	start, _ := strconv.Atoi(once(query, "start"))
	asked := selection{module: m, fields: fieldList(once(query, "fields")), filter: filter, limit: limit, start: start, details: once(query, "withDetailFields") == "true"}
	if sort := once(query, "sort"); sort != "" {
		asked.sort = sort
	}
	rows, total, err := s.selected(asked)
	if err != nil {
		writeJSON(w, http.StatusOK, failed(err.Error()))
		return
	}
	writeJSON(w, http.StatusOK, found(rows, total))
}

func found(rows []record, total int) any {
	return struct {
		Success bool     `json:"success"`
		Data    []record `json:"data"`
		Total   int      `json:"total"`
	}{true, rows, total}
}

// getRecord answers GET /rest/data/:document/:id. There is no error for an id that nobody has.
func (s *Server) getRecord(w http.ResponseWriter, r *http.Request) {
	m, err := s.readable(r)
	if err != nil {
		writeJSON(w, http.StatusOK, failed(err.Error()))
		return
	}
	query := r.URL.Query()
	record := s.store.get(m.Name, r.PathValue("id"))
	if record == nil {
		writeJSON(w, http.StatusOK, found([]map[string]any{}, 0))
		return
	}
	names := fieldList(once(query, "fields"))
	if once(query, "withDetailFields") == "true" && len(names) > 0 {
		record, names = s.detailed(m, record, names)
	}
	writeJSON(w, http.StatusOK, found([]map[string]any{project(record, names)}, 1))
}
