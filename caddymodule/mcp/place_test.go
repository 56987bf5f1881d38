package mcp_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/mcp"
)

// TestPlace holds the request that arguments make, whole, against what a careful caller would write.
func TestPlace(t *testing.T) {
	t.Parallel()
	s, _, err := serve(t, world, mcp.Options{})
	require.NoError(t, err)
	in := func(more string) string { return `{"id":"1","part":"2"` + more + `}` }
	for name, c := range map[string]struct{ tool, arguments, want string }{
		"plain":                       {"getPart", in(""), "GET /things/1/parts/2"},
		"encoded slash":               {"getPart", `{"id":"a%2Fb","part":"%2e%2e"}`, "GET /things/a%252Fb/parts/%252e%252e"},
		"query and fragment":          {"getPart", `{"id":"a?b","part":"c#d"}`, "GET /things/a%3Fb/parts/c%23d"},
		"three dots":                  {"getPart", `{"id":"...","part":".a"}`, "GET /things/.../parts/.a"},
		"semicolon":                   {"getPart", `{"id":"a;b","part":";"}`, "GET /things/a%3Bb/parts/%3B"},
		"letters of others":           {"getPart", `{"id":"é 你","part":"~_-"}`, "GET /things/%C3%A9%20%E4%BD%A0/parts/~_-"},
		"number and boolean":          {"getPart", `{"id":1e2,"part":true}`, "GET /things/1e2/parts/true"},
		"one value for a list":        {"getPart", in(`,"many":"x"`), "GET /things/1/parts/2?many=x"},
		"query":                       {"getPart", in(`,"q":"a&b=c#d+e f"`), "GET /things/1/parts/2?q=a%26b%3Dc%23d%2Be%20f"},
		"a name of a query":           {"getPart", in(`,"a_b_c":"v"`), "GET /things/1/parts/2?a%26b%3Dc=v"},
		"a line in a query":           {"getPart", in(`,"q":"a\r\nX: 1\u0000"`), "GET /things/1/parts/2?q=a%0D%0AX%3A%201%00"},
		"lists":                       {"getPart", in(`,"many":["a","b&c"],"one":["a","b,c"],"pipes":["a","b|c"]`), "GET /things/1/parts/2?many=a&many=b%26c&one=a,b%2Cc&pipes=a%7Cb%7Cc"},
		"no elements":                 {"getPart", in(`,"many":[],"one":[]`), "GET /things/1/parts/2?one="},
		"JSON in a query":             {"getPart", in(`,"json":{"a":[1,"&"]}`), "GET /things/1/parts/2?json=%7B%22a%22%3A%5B1%2C%22%26%22%5D%7D"},
		"null is nothing":             {"getPart", in(`,"q":null,"header_X-Note":null`), "GET /things/1/parts/2"},
		"header":                      {"getPart", in(`,"header_X-Note":"a b"`), "GET /things/1/parts/2 X-Note: a b"},
		"no arguments for the body":   {"addThing", `{}`, "POST /things"},
		"conflict":                    {"addThing", `{"id":"q","body_id":"b","name":null}`, `POST /things?id=q Content-Type: application/json {"id":"b","name":null}`},
		"text as it is":               {"addThing", `{"name":"<&>\u2028\"é"}`, `POST /things Content-Type: application/json {"name":"<&>\u2028\"é"}`},
		"a number with all digits":    {"patchThings", `{"n":12345678901234567890.10}`, `PATCH /things Content-Type: application/json {"n":12345678901234567890.10}`},
		"members that nobody named":   {"patchThings", `{"__proto__":{"a":1}}`, `PATCH /things Content-Type: application/json {"__proto__":{"a":1}}`},
		"a body that is a list":       {"putThings", `{"body":["a"]}`, `PUT /things Content-Type: application/json ["a"]`},
		"a body that should be one":   {"putThings", `{"body":{"a":1}}`, `PUT /things Content-Type: application/json {"a":1}`},
		"a body of text":              {"addNote", `{"body":"a\r\nb"}`, "POST /notes Content-Type: text/plain a\r\nb"},
		"slash":                       {"getPart", `{"id":"a/b","part":"2"}`, "!id"},
		"backslash":                   {"getPart", `{"id":"a\\b","part":"2"}`, "!id"},
		"here":                        {"getPart", `{"id":"1","part":"."}`, "!part"},
		"up":                          {"getPart", `{"id":"..","part":".."}`, "!id,part"},
		"up with a parameter":         {"getPart", `{"id":"..;a=b","part":"2"}`, "!id"},
		"up in a list":                {"getPart", `{"id":["a",".."],"part":"2"}`, "!id"},
		"a slash in a list":           {"getPart", `{"id":["a","/"],"part":"2"}`, "!id"},
		"NUL":                         {"getPart", `{"id":"a\u0000","part":"2"}`, "!id"},
		"lines":                       {"getPart", `{"id":"a\r\nX: 1","part":"2\n"}`, "!id,part"},
		"DEL":                         {"getPart", `{"id":"\u007f","part":"2"}`, "!id"},
		"empty":                       {"getPart", `{"id":"","part":"2"}`, "!id"},
		"an empty list":               {"getPart", `{"id":[],"part":"2"}`, "!id"},
		"missing":                     {"getPart", `{"id":"1"}`, "!part"},
		"null in a path":              {"getPart", `{"id":"1","part":null}`, "!part"},
		"object for text":             {"getPart", `{"id":{"a":1},"part":"2"}`, "!id"},
		"a list in a list":            {"getPart", in(`,"many":[["a"]]`), "!many"},
		"a header of two lines":       {"getPart", in(`,"header_X-Note":"a\r\nX-Evil: 1"`), "!header_X-Note"},
		"a header with NUL":           {"getPart", in(`,"header_X-Note":"\u0000"`), "!header_X-Note"},
		"a header with spaces around": {"getPart", in(`,"header_X-Note":" a"`), "!header_X-Note"},
		"Authorization":               {"getPart", in(`,"header_Authorization":"Bearer x"`), "!header_Authorization"},
		"where it comes from":         {"getPart", in(`,"header_X-Forwarded-For":"10.0.0.1","header_true-client-ip":"10.0.0.1"`), "!header_X-Forwarded-For,header_true-client-ip"},
		"what is MCP's":               {"getPart", in(`,"header_MCP-Name":"x"`), "!header_MCP-Name"},
		"not an argument":             {"getPart", in(`,"x":1`), "!x"},
		"surplus member":              {"addThing", `{"isAdmin":true}`, "!isAdmin"},
		"text for a body":             {"addNote", `{"body":1}`, "!body"},
	} {
		t.Run(name, func(t *testing.T) {
			of := &site{}
			result := call(t, s, of, c.tool, c.arguments)
			if wrong, refused := strings.CutPrefix(c.want, "!"); refused {
				require.Empty(t, of.calls)
				require.Len(t, of.refused, 1)
				for _, name := range strings.Split(wrong, ",") {
					require.Contains(t, of.refused[0].Details, name)
				}
				require.Len(t, of.refused[0].Details, strings.Count(wrong, ",")+1)
				require.Equal(t, true, result["isError"])
				return
			}
			require.Empty(t, of.refused)
			require.Len(t, of.calls, 1)
			r := of.calls[0]
			require.Equal(t, c.want, written(r))
			target, err := url.ParseRequestURI(strings.SplitN(written(r), " ", 3)[1])
			require.NoError(t, err)
			require.Equal(t, r.Path, target.EscapedPath(), "the gate takes no other spelling")
		})
	}
}

func written(r *mcp.Call) string {
	text := r.Method + " " + r.Path
	if r.Query != "" {
		text += "?" + r.Query
	}
	for _, name := range []string{"X-Note", "Content-Type"} {
		if value := r.Header.Get(name); value != "" {
			text += " " + name + ": " + value
		}
	}
	if r.Body != nil {
		text += " " + string(r.Body)
	}
	return text
}

// FuzzPlace looks for a value that becomes more than one segment, more than one parameter of the query, or another value.
func FuzzPlace(f *testing.F) {
	for _, text := range []string{"a", "a/b", "..", "..;", "%2e%2e", "a?b#c", "a\x00\r\n", "é", "&x=1", "\xff"} {
		f.Add(text, text)
	}
	s, _, err := serve(f, world, mcp.Options{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, id, q string) {
		arguments, err := json.Marshal(map[string]any{"id": id, "part": "end", "q": q})
		require.NoError(t, err)
		var sent struct{ ID, Q string } // JSON replaces what is not UTF-8
		require.NoError(t, json.Unmarshal(arguments, &sent))
		of := &site{}
		call(t, s, of, "getPart", string(arguments))
		for _, r := range of.calls {
			target, err := url.ParseRequestURI(r.Path + "?" + r.Query)
			require.NoError(t, err)
			segments := strings.Split(target.EscapedPath(), "/")
			require.Len(t, segments, 5)
			require.NotContains(t, []string{"", ".", ".."}, segments[2])
			segment, err := url.PathUnescape(segments[2])
			require.NoError(t, err)
			require.Equal(t, sent.ID, segment)
			require.Equal(t, "end", segments[4])
			values, err := url.ParseQuery(target.RawQuery)
			require.NoError(t, err)
			require.Equal(t, url.Values{"q": {sent.Q}}, values)
		}
	})
}

// TestPlaceOfLiterals: a backend that reads paths as they come has the ones of the document.
func TestPlaceOfLiterals(t *testing.T) {
	t.Parallel()
	s, _, err := serve(t, `{"openapi": "3.1.0", "paths": {"/:v/st*r:batch": {"get": {"operationId": "batch"}}}}`, mcp.Options{})
	require.NoError(t, err)
	of := &site{}
	call(t, s, of, "batch", `{}`)
	require.Len(t, of.calls, 1)
	require.Equal(t, "GET /:v/st*r:batch", written(of.calls[0]))
}

// TestNobodyIsAskedForWhatOnlyAnswersHave, wherever the document says it: a model would invent the id. Nor do clients refuse answers
// for what only requests have.
func TestNobodyIsAskedForWhatOnlyAnswersHave(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{
		"itself":     `{"type": "object", "required": ["id", "name"], "properties": {"id": {"type": "string", "readOnly": true}, "name": {"type": "string"}}}`,
		"behind ref": `{"type": "object", "required": ["id", "name"], "properties": {"id": {"$ref": "#/components/schemas/ID"}, "name": {"type": "string"}}}`,
		"in allOf":   `{"type": "object", "required": ["id", "name"], "properties": {"id": {"allOf": [{"$ref": "#/components/schemas/ID"}]}, "name": {"type": "string"}}}`,
		"beside":     `{"type": "object", "allOf": [{"$ref": "#/components/schemas/Base"}], "required": ["id", "name"]}`,
		"in a part":  `{"type": "object", "allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id", "name"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := serve(t, `{"openapi": "3.0.3", "paths": {"/things": {"post": {"operationId": "add",
				"requestBody": {"required": true, "content": {"application/json": {"schema": `+schema+`}}},
				"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": `+strings.ReplaceAll(schema, "ID", "Secret")+`}}}}}}},
				"components": {"schemas": {"ID": {"type": "string", "readOnly": true}, "Secret": {"type": "string", "writeOnly": true},
				"Base": {"type": "object", "properties": {"id": {"$ref": "#/components/schemas/ID"}, "name": {"type": "string"}}}}}}`, mcp.Options{Outputs: true})
			require.NoError(t, err)
			listed := string(ask(s, &site{}, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`).Body)
			input, output, _ := strings.Cut(listed, `"outputSchema"`)
			require.Contains(t, input, `"required":["name"]`)
			require.NotContains(t, input, `["id","name"]`)
			if strings.Contains(schema, "ID") {
				require.Contains(t, output, `"required":["name"]`)
			}
		})
	}
}
