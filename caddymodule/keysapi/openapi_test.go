package keysapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// described is openapi.json, as far as it is held against the handler here. In .ci/tools its bodies are held against a gateway by
// somebody else's validator.
type described struct {
	Paths map[string]map[string]struct {
		Scopes     []string `json:"x-scopes"`
		Parameters []struct {
			Name, In string
		}
		RequestBody *struct {
			Content map[string]struct{ Schema schema }
		}
		Responses map[string]struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Properties map[string]schema
	Items      *schema
	Enum       []string
	OneOf      []schema
}

func readDescription(t *testing.T) (d described) {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// of is the schema that a reference names.
func (d *described) of(s schema) schema {
	for s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// see notes each property of a value under the name of its schema, and requires that it is described.
func (d *described) see(t *testing.T, at string, s schema, value any, seen map[string]bool) {
	t.Helper()
	if len(s.OneOf) > 0 {
		s = s.OneOf[0]
	}
	if s.Ref != "" {
		at = strings.TrimPrefix(s.Ref, "#/components/schemas/")
	}
	s = d.of(s)
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			require.NotNil(t, s.Items, at)
			d.see(t, at+"[]", *s.Items, one, seen)
		}
	case map[string]any:
		for name, one := range value {
			if s.Properties == nil {
				return // any object
			}
			described, ok := s.Properties[name]
			require.True(t, ok, "%s.%s is not in openapi.json", at, name)
			seen[at+"."+name] = true
			d.see(t, at+"."+name, described, one, seen)
		}
	}
}

// TestTheDescriptionNamesTheOperations: all of them, with their scopes and parameters, and no other.
func TestTheDescriptionNamesTheOperations(t *testing.T) {
	d, count := readDescription(t), 0
	desk := newDesk(t, "tollgate.*", "tollgate.admin.*")
	for _, o := range Operations() {
		found, ok := d.Paths["/keys"+o.Path][strings.ToLower(o.Method)]
		require.True(t, ok, "%s %s is not in openapi.json", o.Method, o.Path)
		require.Equal(t, o.Scopes(), found.Scopes, o.Path)
		var parameters []string
		for _, p := range found.Parameters {
			if p.In == "query" {
				parameters = append(parameters, p.Name)
			}
		}
		path := strings.ReplaceAll(o.Path, "{id}", "key_target")
		require.Equal(t, o.query, len(parameters) > 0, o.Path)
		if o.query {
			_, refused := desk.ask(t, o.Method, path, "nothing=1", "")
			require.ElementsMatch(t, known(refused.Details["nothing"]), parameters, o.Path)
		}
		_, refused := desk.ask(t, o.Method, path, "", `{"nothing":1,"reason":"x"}`)
		var fields []string
		if found.RequestBody != nil {
			fields = slices.Collect(maps.Keys(d.of(found.RequestBody.Content["application/json"].Schema).Properties))
		}
		if refused != nil && refused.Details["nothing"] != nil {
			require.ElementsMatch(t, known(refused.Details["nothing"]), fields, "%s %s", o.Method, o.Path)
		} else {
			require.Empty(t, fields, "%s %s takes no body", o.Method, o.Path)
		}
	}
	for path, methods := range d.Paths {
		count += len(methods)
		require.True(t, strings.HasPrefix(path, "/keys"), path)
	}
	require.Len(t, Operations(), count)
}

// known are the words that an error names.
func known(text any) (words []string) {
	_, list, _ := strings.Cut(fmt.Sprint(text), "write one of ")
	for _, word := range strings.Split(list, ", ") {
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// TestTheDescriptionNamesTheFields of all answers, and each of them is met.
func TestTheDescriptionNamesTheFields(t *testing.T) {
	d := readDescription(t)
	desk := newDesk(t, "tollgate.*", "tollgate.admin.*", "agent.*")
	desk.Usage = desk.store
	require.NoError(t, desk.store.Book(t.Context(), usage.Batch{Instance: "one", Number: 1, Entries: []usage.Entry{{
		Cell: usage.Cell{Hour: usage.HourOf(time.Now()), Workspace: "ws", Key: "key_target", Route: "/x", Outcome: "2xx"}, Sum: usage.Sum{Requests: 3, Cost: 6}, MCP: usage.Sum{Requests: 1, Cost: 2},
	}}}))
	require.NoError(t, desk.store.CreateWorkspace(t.Context(), by, &record.Workspace{ID: "ws_other", Plan: "pro", Limits: []record.Window{{Limit: 5, Duration: time.Minute}}, Quotas: []record.Quota{{Limit: 5, Period: record.Daily}}}))
	seen := map[string]bool{}
	for _, r := range [][4]string{
		{"POST", "", "", `{"name":"a","scopes":["agent.read"],"allowed_ips":["10.0.0.0/8"],"limits":["50/1m"],"expires_at":"2087-01-01T00:00:00Z","workspace":"ws"}`},
		{"PATCH", "/key_target", "", `{"name":"","disabled":false}`}, {"POST", "/key_target/rotate", "", `{"grace":"1h"}`},
		{"GET", "", "workspace=*&limit=1", ""}, {"GET", "/key_target", "", ""}, {"DELETE", "/key_target", "", ""},
		{"GET", "/usage", "by=hour,workspace,key,route,code,way&to=2087-01-01", ""}, {"GET", "/usage", "by=month", ""}, {"GET", "/usage", "workspace=*&to=2087-01-01", ""},
		{"POST", "/workspaces/ws_other/suspend", "", `{"reason":"unpaid"}`}, {"GET", "/workspaces/ws_other", "", ""}, {"GET", "/workspaces", "limit=1", ""},
		{"POST", "/workspaces/ws_other/resume", "", ""}, {"GET", "/workspaces/ws_other/history", "", ""}, {"DELETE", "/workspaces/ws_other", "", ""},
	} {
		answer, refused := desk.ask(t, r[0], r[1], r[2], r[3])
		require.Nil(t, refused, "%v", r)
		op, _ := find(r[0], r[1])
		response, ok := d.Paths["/keys"+op.Path][strings.ToLower(r[0])].Responses[fmt.Sprint(answer.Status)]
		require.True(t, ok, "%v: status %d", r, answer.Status)
		text, err := json.Marshal(answer)
		require.NoError(t, err)
		var value any
		require.NoError(t, json.Unmarshal(text, &value))
		d.see(t, "answer", response.Content["application/json"].Schema, value, seen)
	}
	require.Equal(t, usage.FieldNames(), d.Components.Schemas["Usage"].Properties["by"].Items.Enum)
	require.Equal(t, []string{usage.WayHTTP, usage.WayMCP}, d.Components.Schemas["Usage"].Properties["rows"].Items.Properties["way"].Enum)
	for _, name := range []string{"Secret", "Key", "Workspace", "Suspended", "DeletedWorkspace", "Event", "Usage", "Sum", "Pagination"} {
		for property := range d.Components.Schemas[name].Properties {
			require.True(t, seen[name+"."+property], "%s.%s is in openapi.json, and in no answer", name, property)
		}
	}
}

// TestTheReadmeNamesTheOperations in their order, with their scopes.
func TestTheReadmeNamesTheOperations(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z]+) /keys([^`]*)` \\| `([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, row[1]+" "+row[2]+" "+row[3])
	}
	var want []string
	for _, o := range Operations() {
		want = append(want, o.Method+" "+strings.ReplaceAll(o.Path, "{id}", ":id")+" "+o.Scopes()[0])
	}
	require.Equal(t, want, rows)
}
