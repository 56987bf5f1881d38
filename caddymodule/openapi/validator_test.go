package openapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// validators are those of a document, by method and pattern.
func validators(t testing.TB, name string, options openapi.Options) map[string]*openapi.Validator {
	t.Helper()
	options.Validate = true
	d, err := openapi.Load(name)
	require.NoError(t, err)
	routes, _, err := d.Routes(options)
	require.NoError(t, err)
	found := map[string]*openapi.Validator{}
	for _, r := range routes {
		if r.Closed {
			continue
		}
		found[r.Methods[0]+" "+r.Pattern] = r.Validator.(*openapi.Validator)
	}
	return found
}

// posting is the validator of a document whose one operation takes bodies of that schema. The document is of 3.1, or of the version
// that the schema begins with.
func posting(t testing.TB, schema string) *openapi.Validator {
	t.Helper()
	version, rest, found := strings.Cut(schema, "; ")
	if !found {
		version, rest = "3.1.0", schema
	}
	name := write(t, `{"openapi": "`+version+`", "components": {"schemas": {"T": `+rest+`}},
		"paths": {"/x": {"post": {"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}}}}}}`)
	return validators(t, name, openapi.Options{})["POST /x"]
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// said is what is wrong with a body, a line a problem.
func said(v *openapi.Validator, body string) string {
	problems, err := v.Check(nil, "", jsonHeader, []byte(body))
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Field+": "+p.Text)
	}
	return strings.Join(lines, "\n")
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ schema, body, want string }{
		"no body":            {`{}`, ``, "body: Required"},
		"not an object":      {`{"type": "object"}`, `[]`, "body: Expected object"},
		"all at once":        {`{"required": ["a", "b"], "properties": {"a": {"type": "string"}, "c": {"enum": ["x", "y", 3]}, "d": {"items": {"properties": {"e": {"maximum": 5}}}}}, "additionalProperties": false}`, `{"a": 1, "c": "z", "d": [{}, {"e": 6}], "q": 1, "p": 2}`, "b: Required\na: Expected string\nc: Must be one of: x, y, 3\nd.1.e: Must be at most 5\np: Unknown field\nq: Unknown field"},
		"string or null":     {`{"type": ["string", "null"]}`, `true`, "body: Expected string or null"},
		"nullable, right":    {`3.0.3; {"type": "string", "nullable": true}`, `null`, ""},
		"nullable, wrong":    {`3.0.3; {"type": "string", "nullable": true}`, `1`, "body: Expected string or null"},
		"3.0 exclusive":      {`3.0.3; {"minimum": 3, "exclusiveMinimum": true}`, `3`, "body: Must be greater than 3"},
		"3.1 exclusive":      {`{"exclusiveMaximum": 3.50}`, `3.5`, "body: Must be less than 3.5"},
		"3.0 ref alone":      {`3.0.3; {"properties": {"a": {"$ref": "#/components/schemas/T", "type": "string"}}}`, `{"a": {}}`, ""},
		"3.1 ref and more":   {`{"properties": {"a": {"$ref": "#/components/schemas/T", "type": "string"}}}`, `{"a": {}}`, "a: Expected string"},
		"past 2^53":          {`{"maximum": 9007199254740992}`, `9007199254740993`, "body: Must be at most 9007199254740992"},
		"1.0 is an integer":  {`{"type": "integer"}`, `1.0`, ""},
		"1.5 is none":        {`{"type": "integer"}`, `1.5`, "body: Expected integer"},
		"multiples":          {`{"multipleOf": 0.1}`, `0.3`, ""},
		"no multiple":        {`{"multipleOf": 0.01}`, `0.305`, "body: Must be a multiple of 0.01"},
		"int32":              {`{"type": "integer", "format": "int32"}`, `2147483648`, "body: Is not a valid int32"},
		"characters":         {`{"maxLength": 2}`, `"äöü"`, "body: Must have at most 2 characters"},
		"pattern":            {`{"pattern": "^[a-z]+$"}`, `"A"`, "body: Does not match the pattern ^[a-z]+$"},
		"date":               {`{"format": "date"}`, `"2026-02-30"`, "body: Is not a valid date"},
		"date-time":          {`{"format": "date-time"}`, `"2026-12-31T23:59:60Z"`, ""},
		"uuid":               {`{"format": "uuid"}`, `"x"`, "body: Is not a valid uuid"},
		"unknown format":     {`{"format": "phone"}`, `"x"`, ""},
		"unique":             {`{"uniqueItems": true}`, `[{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]`, "body: Must not have the same item twice"},
		"likely form":        {`{"oneOf": [{"type": "object", "required": ["a"]}, {"type": "string"}]}`, `{}`, "a: Required"},
		"forms by type":      {`{"anyOf": [{"type": "string"}, {"type": "integer"}]}`, `[]`, "body: Expected string or integer"},
		"no form":            {`{"anyOf": [{"minimum": 3}, {"maximum": 1}]}`, `2`, "body: Matches none of the 2 forms that it may have"},
		"one of several":     {`{"anyOf": [{"required": ["id"]}, {"required": ["email"]}]}`, `{"name": 1}`, "id: Required, if none of the others is there: id, email\nemail: Required, if none of the others is there: id, email"},
		"two forms":          {`{"oneOf": [{"minimum": 1}, {"maximum": 3}]}`, `2`, "body: Matches more than one of the forms that exclude each other"},
		"recursive":          {`{"type": "object", "properties": {"child": {"$ref": "#/components/schemas/T"}}, "additionalProperties": false}`, `{"child": {"child": {"x": 1}}}`, "child.child.x: Unknown field"},
		"unevaluated":        {`{"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": false}`, `{"a": 1, "b": 1}`, "b: Unknown field"},
		"read only":          {`{"required": ["id", "a"], "properties": {"id": {"readOnly": true}}}`, `{"a": 1}`, ""},
		"a name twice":       {`{}`, `{"a": 1, "a": 2}`, "error: an object in the body has the same name twice"},
		"too deep":           {`{}`, strings.Repeat("[", 65) + strings.Repeat("]", 65), "error: the body has more than 64 arrays and objects within each other"},
		"not JSON":           {`{}`, `{`, "error: the body is not one JSON value"},
		"a long name":        {`{"additionalProperties": false}`, `{"` + strings.Repeat("n", 100) + `": 1}`, strings.Repeat("n", 64) + "…: Unknown field"},
		"no value is echoed": {`{"properties": {"a": {"type": "integer"}, "b": {"pattern": "x"}, "c": {"enum": [1]}}}`, `{"a": "hunter2", "b": "hunter2", "c": "hunter2"}`, "a: Expected integer\nb: Does not match the pattern x\nc: Must be 1"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, said(posting(t, c.schema), c.body))
		})
	}
}

// TestManyProblems: 32 are told, in the same order each time.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	var body []string
	for n := range 1000 {
		body = append(body, fmt.Sprintf(`"n%03d": 1`, n))
	}
	v := posting(t, `{"additionalProperties": {"type": "string"}}`)
	first := said(v, "{"+strings.Join(body, ",")+"}")
	require.Equal(t, openapi.MaxProblems, len(strings.Split(first, "\n")))
	require.True(t, strings.HasPrefix(first, "n000: Expected string\nn001: Expected string\n"), first)
	require.Equal(t, first, said(v, "{"+strings.Join(body, ",")+"}"))
}

const parameterDocument = `
openapi: 3.0.3
paths:
  /leads/{lead-id}/{kind}:
    parameters:
      - {name: lead-id, in: path, required: true, schema: {type: integer}}
      - {name: limit, in: query, schema: {type: string}}
    get:
      parameters:
        - {name: kind, in: path, required: true, schema: {enum: [open, closed]}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - {name: tag, in: query, schema: {type: array, items: {type: string, maxLength: 3}, maxItems: 2}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: on, in: query, schema: {type: boolean}}
        - {name: filter, in: query, content: {application/json: {schema: {type: object, required: [a]}}}}
        - {name: X-Mode, in: header, required: true, schema: {type: string, pattern: "^[a-z]+$"}}
        - {name: Authorization, in: header, required: true, schema: {type: string}}
        - {name: session, in: cookie, required: true, schema: {type: string}}
`

func TestParameters(t *testing.T) {
	t.Parallel()
	name := write(t, parameterDocument)
	for query, want := range map[string]string{
		"": "", "limit=5&on=true&ids=1,2&tag=a&tag=b&filter={%22a%22:1}": "",
		"limit=0": "limit: Must be at least 1", "limit=x": "limit: Expected integer", "limit=": "limit: Expected integer", "limit=1&limit=2": "limit: Is given more than once",
		"limit=1e400": "limit: Expected integer", "on=1": "on: Expected boolean", "ids=1,x": "ids.1: Expected integer", "tag=abcd": "tag.0: Must have at most 3 characters",
		"tag=a&tag=b&tag=c": "tag: Must have at most 2 items", "filter={}": "filter.a: Required", "filter={": "filter: Is not one JSON value",
		"other=1": "", "kind=none": "",
	} {
		t.Run(query, func(t *testing.T) {
			v := validators(t, name, openapi.Options{})["GET /leads/:lead_id/:kind"]
			problems, err := v.Check([]route.Param{{Name: "lead_id", Value: "7"}, {Name: "kind", Value: "open"}}, query, http.Header{"X-Mode": {"a"}}, nil)
			require.NoError(t, err)
			got := ""
			for _, p := range problems {
				got += p.Field + ": " + p.Text
			}
			require.Equal(t, want, got)
		})
	}
	strict := validators(t, name, openapi.Options{StrictQuery: true})["GET /leads/:lead_id/:kind"]
	problems, err := strict.Check([]route.Param{{Name: "lead_id", Value: "l1"}, {Name: "kind", Value: "gone"}}, "z=1&other=1&limit=1", nil, nil)
	require.NoError(t, err)
	require.Equal(t, []route.Problem{{Field: "kind", Text: "Must be one of: open, closed"}, {Field: "X-Mode", Text: "Required"}, {Field: "lead-id", Text: "Expected integer"}, {Field: "other", Text: "Unknown parameter"}, {Field: "z", Text: "Unknown parameter"}}, withoutPlaces(problems))
}

// TestBodiesOfOtherKinds: they are neither read nor checked; a body that does not say what it is is taken for JSON where nothing
// else may come.
func TestBodiesOfOtherKinds(t *testing.T) {
	t.Parallel()
	name := write(t, `
openapi: 3.1.0
paths:
  /json: {post: {requestBody: {content: {application/json; charset=utf-8: {schema: {type: object}}}}}}
  /both: {post: {requestBody: {content: {application/merge-patch+json: {}, text/csv: {}}}}}
  /none: {post: {}}
`)
	all := validators(t, name, openapi.Options{})
	for kind, want := range map[string][3]bool{
		"application/json": {true, false, false}, "application/merge-patch+json": {false, true, false}, "text/csv": {}, "": {true, false, false},
		"Application/JSON; charset=UTF-8": {true, false, false}, "text/csv, application/json": {true, false, false},
	} {
		h := http.Header{}
		if kind != "" {
			h.Set("Content-Type", kind)
		}
		require.Equal(t, want, [3]bool{all["POST /json"].ReadsBody(h), all["POST /both"].ReadsBody(h), all["POST /none"].ReadsBody(h)}, kind)
	}
}

// TestWhatBackendsTakeForJSON is refused where only JSON may come: nobody would have held it against the document.
func TestWhatBackendsTakeForJSON(t *testing.T) {
	t.Parallel()
	all := validators(t, write(t, `
openapi: 3.1.0
paths:
  /json: {post: {requestBody: {content: {application/json: {schema: {type: object}}}}}}
  /both: {post: {requestBody: {content: {application/json: {schema: {type: object}}, text/json: {}}}}}
  /none: {post: {}}
`), openapi.Options{})
	for kind, want := range map[string]int{"text/json": 1, "Text/JSON; charset=utf-8": 1, "application/x-json": 1, "json": 1, "*/*": 1, "application/*": 1, "text/plain": 0, "application/xml": 0} {
		for route, problems := range map[string]int{"POST /json": want, "POST /both": 0, "POST /none": 0} {
			got, err := all[route].Check(nil, "", http.Header{"Content-Type": {kind}}, nil)
			require.NoError(t, err)
			require.Len(t, got, problems, route+" "+kind)
		}
	}
}

// TestSchemasThatAreRefused: with the line.
func TestSchemasThatAreRefused(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"pattern": "(?=a)"}`:                      `:2: pattern "(?=a)" is not of RE2`,
		`{"pattern": "a{1,1001}"}`:                  ":2: pattern",
		`{"pattern": "((a{0,100}){0,100}){0,100}"}`: ":2: pattern",
		`{"type": "text"}`:                          `:2: type "text" is not one of`,
		`{"minLength": -1}`:                         `:2: minLength "-1" is not a whole number`,
		`{"maximum": "5 or so"}`:                    `:2: maximum "5 or so" is not a number`,
		`{"$dynamicRef": "#a"}`:                     ":2: $dynamicRef is not followed: write $ref",
		`{"allOf": [{"$ref": "#/x-s"}]}`:            ":2: this schema refers to itself for the same value",
		`{"uniqueItems": "true"}`:                   ":2: uniqueItems must be true or false, without quotes",
		`{"required": "name"}`:                      ":2: required must be a list",
		`{"anyOf": {}}`:                             ":2: anyOf must be a list",
		`{"dependentRequired": {"a": "b"}}`:         ":2: dependentRequired of a must be a list",
		`{"properties": {"a": 1}}`:                  ":2: a schema must be a mapping",
		`{"properties": {"a": {}, "a": {}}}`:        `:2: "a" already stands`,
		`{"$ref": "other.json"}`:                    ":2: reading $ref",
		strings.Repeat(`{"items": `, 201) + "{}" + strings.Repeat("}", 201): ":2: schemas lie more than 200 deep",
	} {
		d, err := openapi.Load(write(t, "{\"openapi\": \"3.1.0\",\n\"x-s\": "+schema+`, "paths": {"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/x-s"}}}}}}}}`))
		require.NoError(t, err)
		_, _, err = d.Routes(openapi.Options{Validate: true})
		require.ErrorContains(t, err, want, schema)
		_, _, err = d.Routes(openapi.Options{})
		require.NoError(t, err, "what is not checked may be of any kind")
	}
}

// withoutPlaces are problems as callers hear of them.
func withoutPlaces(problems []route.Problem) (told []route.Problem) {
	for _, p := range problems {
		told = append(told, route.Problem{Field: p.Field, Text: p.Text})
	}
	return told
}

// TestProblemsHaveThePlaceOfTheirSchema: where it stands, also behind a reference; what no schema says has none.
func TestProblemsHaveThePlaceOfTheirSchema(t *testing.T) {
	t.Parallel()
	name := write(t, `
openapi: 3.1.0
paths:
  /a:
    post:
      parameters:
        - {name: n, in: query, required: true, schema: {type: integer}}
      requestBody:
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/Lead'
components:
  schemas:
    Lead:
      required: [id]
      properties:
        score:
          {maximum: 5}
`)
	v := validators(t, name, openapi.Options{StrictQuery: true})["POST /a"]
	problems, err := v.Check(nil, "z=1", jsonHeader, []byte(`{"score":7}`))
	require.NoError(t, err)
	var got []string
	for _, p := range problems {
		got = append(got, p.Field+" "+strings.TrimPrefix(p.Place, name))
	}
	require.Equal(t, []string{"n :7", "z ", "id :16", "score :19"}, got)
}

// leadSchema and leadBody are of the size that most bodies have: 2 KB.
const leadSchema = `{"type": "object", "required": ["firstName", "email"], "additionalProperties": false, "properties": {
	"firstName": {"type": "string", "minLength": 1, "maxLength": 100}, "email": {"type": "string", "format": "email"}, "score": {"type": "integer", "minimum": 0, "maximum": 100},
	"status": {"enum": ["new", "open", "won", "lost"]}, "tags": {"type": "array", "maxItems": 20, "items": {"type": "string", "pattern": "^[a-z-]{1,32}$"}},
	"lines": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}, "qty": {"type": "integer", "minimum": 1}, "price": {"type": "number"}, "note": {"type": ["string", "null"]}}}}}}`

var leadBody = func() []byte {
	var lines []map[string]any
	for n := range 22 {
		lines = append(lines, map[string]any{"sku": fmt.Sprintf("SKU-%06d", n), "qty": n + 1, "price": 12.5, "note": "as it was agreed upon"})
	}
	body, _ := json.Marshal(map[string]any{"firstName": "Ada", "email": "ada@example.com", "score": 42, "status": "open", "tags": []string{"a", "b-c"}, "lines": lines})
	return body
}()

func BenchmarkEncodingJSON(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(leadBody)))
	for b.Loop() {
		var value any
		if err := json.Unmarshal(leadBody, &value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	v := posting(b, leadSchema)
	require.Empty(b, said(v, string(leadBody)))
	b.ReportAllocs()
	b.SetBytes(int64(len(leadBody)))
	for b.Loop() {
		if problems, err := v.Check(nil, "", jsonHeader, leadBody); err != nil || len(problems) > 0 {
			b.Fatal(err, problems)
		}
	}
}
