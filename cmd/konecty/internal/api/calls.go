package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Record is a record as the server gives it. Numbers keep their digits.
type Record map[string]any

// ID is the record's _id.
func (r Record) ID() string {
	id, _ := r["_id"].(string)
	return id
}

// Modules are the modules that the session can see.
func (c *Client) Modules(ctx context.Context) ([]Module, error) {
	path := "/rest/query/explorer/modules"
	if c.options.Language != "" {
		path += "?lang=" + url.QueryEscape(c.options.Language)
	}
	a, err := c.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	var body struct {
		Data struct{ Modules []Module }
	}
	if decode(a.body, &body) != nil || body.Data.Modules == nil {
		return nil, c.stranger(a)
	}
	return body.Data.Modules, nil
}

// Create stores a record of a document and gives it as it was stored.
func (c *Client) Create(ctx context.Context, document string, payload map[string]any) (Record, error) {
	a, err := c.ask(ctx, http.MethodPost, "/rest/data/"+url.PathEscape(document), payload)
	if err != nil {
		return nil, err
	}
	var body struct{ Data []Record }
	if decode(a.body, &body) != nil || len(body.Data) == 0 {
		return nil, c.stranger(a)
	}
	return body.Data[0], nil
}

// Query says which records are looked for: by code where Term is a whole number, else by the text in them.
type Query struct {
	Document, Term string
	// Fields come along with _id; dotted names are parts.
	Fields []string
	// Limit is how many records at most.
	Limit int
}

// Find gives the records of a query; none is no error.
func (c *Client) Find(ctx context.Context, q Query) ([]Record, error) {
	filter := map[string]any{"match": "and", "textSearch": q.Term}
	if isCode(q.Term) {
		filter = map[string]any{"match": "and", "conditions": []any{
			map[string]any{"term": "code", "operator": "equals", "value": json.Number(q.Term)}}}
	}
	a, err := c.ask(ctx, http.MethodPost, "/rest/query/json", map[string]any{
		"document": q.Document, "filter": filter, "fields": strings.Join(append([]string{"_id"}, q.Fields...), ","), "limit": q.Limit,
	})
	if err != nil {
		return nil, err
	}
	records := []Record{}
	for line := range bytes.Lines(a.body) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var record Record
		if decode(line, &record) != nil {
			return nil, c.stranger(a)
		}
		meta, about := record["_meta"].(map[string]any)
		switch {
		case about && meta["success"] == false: // it failed on its way
			r := &Refusal{Status: a.status}
			r.readErrors(meta)
			return nil, r
		case !about:
			records = append(records, record)
		}
	}
	return records, nil
}

// isCode reports whether a term is meant as a code: a JSON number of digits only.
func isCode(term string) bool {
	return term != "" && len(term) <= 15 && strings.Trim(term, "0123456789") == "" && (term == "0" || term[0] != '0')
}

// decode reads one JSON value and keeps the digits of numbers.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	return nil
}
