package openapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

const described = `openapi: VERSION
info: {title: Leads, version: "2", description: All of them.}
servers: [{url: https://example.com/v1}]
tags: [{name: crm, description: For sales.}]
components:
  schemas:
    Lead:
      type: object
      x-table: leads
      required: [name]
      properties:
        x-name: {type: string}
        name: {type: string, nullable: true, example: Ada}
        score: {type: number, minimum: 0, exclusiveMinimum: true}
        parent: {$ref: '#/components/schemas/Lead'}
        pet: {$ref: 'other.yaml#/Pet'}
    Pet:
      oneOf: [{$ref: '#/components/schemas/Cat'}]
      discriminator: {propertyName: kind, mapping: {cat: Cat, gone: Nowhere, net: 'https://example.com/a'}, x-secret: 1}
    Cat: {type: object, default: {x-fur: true}}
    Hidden: {type: object}
  parameters:
    trace: {name: X-Trace, in: header, schema: {type: string}}
paths:
  /leads/{lead-id}/notes/{note id}:
    parameters:
    - {name: note id, in: path, required: true, schema: {type: integer}}
    - $ref: '#/components/parameters/trace'
    - {name: c, in: cookie, schema: {type: string}}
    post:
      operationId: addNote
      summary: Adds a note
      description: "Long\n---\ntext"
      tags: [crm, crm, "a\nb"]
      deprecated: true
      x-tollgate: {cost: 5}
      parameters:
      - {name: lead-id, in: path, required: true, description: Whose., schema: {type: string}, example: l1}
      - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
      - {name: filter, in: query, content: {application/json: {schema: {$ref: '#/components/schemas/Lead'}}}}
      requestBody:
        required: true
        description: The note.
        content:
          text/plain: {}
          Application/JSON; charset=utf-8:
            schema: {$ref: '#/components/schemas/Lead'}
            examples: {one: {value: {name: Ada, n: 9007199254740993}}, none: {externalValue: 'http://example.com'}}
      responses:
        "201": {description: Made., content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}, example: {id: 1}}}}
        default: {description: Not.}
        x-other: {description: Never.}
  /bare: {get: {responses: {"200": {description: Fine.}}}}
`

// operations are those of a document's routes, by pattern.
func operations(t *testing.T, name string) map[string]*openapi.Operation {
	t.Helper()
	d, err := openapi.Load(name)
	require.NoError(t, err)
	routes, _, err := d.Routes(openapi.Options{})
	require.NoError(t, err)
	table, err := route.New(routes)
	require.NoError(t, err)
	all := map[string]*openapi.Operation{}
	for _, r := range table.Routes() {
		all[r.Pattern] = openapi.OperationOf(r)
	}
	return all
}

func describedDocument(t *testing.T, version string) string {
	t.Helper()
	name := write(t, strings.Replace(described, "VERSION", version, 1))
	other := "Pet: {type: object, properties: {tail: {$ref: '#/Pet'}}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(name), "other.yaml"), []byte(other), 0o600))
	return name
}

func TestOperationSaysWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	all := operations(t, describedDocument(t, "3.1.0"))
	o := all["/v1/leads/:lead_id/notes/:note_id"]
	require.NotNil(t, o)
	require.Equal(t, []string{"addNote", "Adds a note", "Long\n---\ntext", "POST", "/v1/leads/{lead-id}/notes/{note id}"}, []string{o.ID, o.Summary, o.Description, o.Method, o.Path})
	require.Equal(t, []string{"crm"}, o.Tags)
	require.True(t, o.Deprecated)
	d := o.Document()
	require.Equal(t, []string{"Leads", "2", "All of them.", "3.1.0", "For sales.", ""},
		[]string{d.Title(), d.Version(), d.Description(), d.OpenAPI(), d.TagDescription("crm"), d.TagDescription("x")})

	var names []string
	for _, p := range o.Parameters {
		names = append(names, strings.Join([]string{p.In, p.Name, p.Segment, p.Style}, " "))
	}
	require.Equal(t, []string{"path lead-id lead_id simple", "query tags  form", "query filter  form", "path note id note_id simple", "header X-Trace  simple"}, names)
	require.True(t, o.Parameters[0].Required)
	require.Equal(t, "Whose.", o.Parameters[0].Description)
	require.False(t, o.Parameters[1].Explode)
	require.True(t, o.Parameters[2].IsJSON)
	require.Len(t, o.Parameters[0].Examples, 1)

	require.True(t, o.Body.Required)
	body := o.Body.JSON()
	require.Equal(t, "application/json", body.Type)
	require.Len(t, body.Examples, 1)
	text, err := body.Examples[0].JSON(100)
	require.NoError(t, err)
	require.Equal(t, `{"name":"Ada","n":9007199254740993}`, string(text))
	_, err = body.Examples[0].JSON(10)
	require.ErrorIs(t, err, openapi.ErrTooLong)

	require.Len(t, o.Answers, 2)
	require.Equal(t, []string{"201", "Made.", "default", "Not."}, []string{o.Answers[0].Status, o.Answers[0].Description, o.Answers[1].Status, o.Answers[1].Description})
	require.Nil(t, o.Answers[1].JSON())
	require.Nil(t, all["/v1/bare"].Body.JSON())
	require.Nil(t, openapi.OperationOf(&route.Route{}))
}

func TestDefinitionsAreCompleteAndEnd(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		version string
		d       openapi.Definitions
		want    string
	}{
		"as the document has them": {"3.0.3", openapi.Definitions{Prefix: "#/components/schemas/", Most: 10_000}, `{
			"Lead": {"type": "object", "required": ["name"], "properties": {"x-name": {"type": "string"}, "name": {"type": "string", "nullable": true, "example": "Ada"},
				"score": {"type": "number", "minimum": 0, "exclusiveMinimum": true}, "parent": {"$ref": "#/components/schemas/Lead"}, "pet": {"$ref": "#/components/schemas/Pet_2"}}},
			"Pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}], "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat"}}},
			"Pet_2": {"type": "object", "properties": {"tail": {"$ref": "#/components/schemas/Pet_2"}}},
			"Cat": {"type": "object", "default": {"x-fur": true}}}`},
		"modern": {"3.0.3", openapi.Definitions{Prefix: "#/$defs/", Modern: true, Most: 10_000}, `{
			"Lead": {"type": "object", "required": ["name"], "properties": {"x-name": {"type": "string"}, "name": {"type": ["string", "null"], "examples": ["Ada"]},
				"score": {"type": "number", "exclusiveMinimum": 0}, "parent": {"$ref": "#/$defs/Lead"}, "pet": {"$ref": "#/$defs/Pet_2"}}},
			"Pet": {"oneOf": [{"$ref": "#/$defs/Cat"}]},
			"Pet_2": {"type": "object", "properties": {"tail": {"$ref": "#/$defs/Pet_2"}}},
			"Cat": {"type": "object", "default": {"x-fur": true}}}`},
	} {
		t.Run(what, func(t *testing.T) {
			o := operations(t, describedDocument(t, c.version))["/v1/leads/:lead_id/notes/:note_id"]
			body, err := c.d.Add(o.Body.JSON().Schema)
			require.NoError(t, err)
			require.Equal(t, `{"$ref":"`+c.d.Prefix+`Lead"}`, string(body))
			_, err = c.d.Add(o.Answers[0].JSON().Schema)
			require.NoError(t, err)
			all, err := c.d.All()
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(all))
			nothing, err := c.d.Add(openapi.Schema{})
			require.NoError(t, err)
			require.Equal(t, "{}", string(nothing))
		})
	}
}

// TestModernSchemasAreSchemas: models' APIs hold the schemas of all tools against the metaschema, and refuse the whole list for one
// that is none. What a document writes in the manner of another draft is left out.
func TestModernSchemasAreSchemas(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ schema, want string }{
		"a flag for required":          {"{type: string, required: true}", `{"type":"string"}`},
		"a type of Swagger":            {"{type: file}", `{}`},
		"a type twice":                 {"{type: [string, string]}", `{}`},
		"nullable":                     {"{nullable: true, $ref: '#/components/schemas/N'}", `{"$ref":"#/$defs/N"}`},
		"an exclusive limit as a flag": {"{minimum: 0, exclusiveMinimum: true, maximum: 5, exclusiveMaximum: false}", `{"maximum":5,"exclusiveMinimum":0}`},
		"an exclusive limit":           {"{exclusiveMinimum: 0.5}", `{"exclusiveMinimum":0.5}`},
		"a limit as a text":            {"{minLength: '3', maximum: '4', maxItems: 1.5, minItems: -1, multipleOf: -2}", `{}`},
		"no alternatives":              {"{allOf: [], enum: []}", `{}`},
		"examples by name":             {"{examples: {a: {value: 1}}}", `{}`},
		"examples that are references": {"{examples: [{$ref: '#/components/examples/A'}], default: {a: {$ref: 'x'}}, example: [{$ref: x}]}", `{}`},
		"texts that are numbers":       {"{title: 5, description: 1.0, format: date, pattern: a}", `{"format":"date","pattern":"a"}`},
		"a text that is a date":        {"{description: 2020-01-02}", `{"description":"2020-01-02"}`},
		"required twice":               {"{required: [a, a]}", `{}`},
		"properties as a list":         {"{properties: [a]}", `{}`},
		"flags as texts":               {"{readOnly: 'yes', deprecated: 1, uniqueItems: true}", `{"uniqueItems":true}`},
		"what depends":                 {"{dependentRequired: {a: [b]}}", `{"dependentRequired":{"a":["b"]}}`},
		"what depends on a text":       {"{dependentRequired: {a: b}}", `{}`},
		"within others":                {"{items: {type: any, oneOf: [{required: true}]}}", `{"items":{"oneOf":[{}]}}`},
		"as it should be":              {"{type: [string, 'null'], enum: [a, null], const: {$ref: x}, minLength: 0}", `{"type":["string","null"],"enum":["a",null],"const":{"$ref":"x"},"minLength":0}`},
	} {
		t.Run(what, func(t *testing.T) {
			name := write(t, "openapi: 3.1.0\ninfo: {}\ncomponents: {schemas: {N: {}}}\npaths: {/a: {post: {requestBody: {content: {application/json: {schema: "+c.schema+"}}}}}}\n")
			d, err := openapi.Load(name)
			require.NoError(t, err)
			routes, _, err := d.Routes(openapi.Options{})
			require.NoError(t, err)
			definitions := openapi.Definitions{Prefix: "#/$defs/", Modern: true, Most: 10_000}
			text, err := definitions.Add(openapi.OperationOf(routes[0]).Body.JSON().Schema)
			require.NoError(t, err)
			require.Equal(t, c.want, string(text))
		})
	}
}

// TestDefinitionsAreBounded: aliases of YAML make much of little, or have no end.
func TestDefinitionsAreBounded(t *testing.T) {
	t.Parallel()
	for what, schema := range map[string]string{
		"aliases that double": "&a {properties: {a: &b {properties: {a: &c {properties: {a: &d {properties: {a: &e {properties: {a: &f {enum: [1,2,3,4,5,6,7,8,9,10]}, b: *f, c: *f, d: *f}}, b: *e, c: *e, d: *e}}, b: *d, c: *d, d: *d}}, b: *c, c: *c, d: *c}}, b: *b, c: *b, d: *b}}",
		"deep":                strings.Repeat("{items: ", 300) + "{}" + strings.Repeat("}", 300),
		"deep examples":       "{default: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}",
		"an endless one":      "&x {properties: {a: *x}}",
	} {
		t.Run(what, func(t *testing.T) {
			name := write(t, "openapi: 3.1.0\ninfo: {}\npaths: {/a: {post: {requestBody: {content: {application/json: {schema: "+schema+"}}}}}}\n")
			d, err := openapi.Load(name)
			if err != nil {
				t.Log(err) // refused where it is read
				return
			}
			routes, _, err := d.Routes(openapi.Options{})
			require.NoError(t, err)
			definitions := openapi.Definitions{Most: 10_000}
			_, err = definitions.Add(openapi.OperationOf(routes[0]).Body.JSON().Schema)
			require.ErrorIs(t, err, openapi.ErrTooLong)
			_, err = definitions.Add(openapi.OperationOf(routes[0]).Body.JSON().Schema)
			require.ErrorIs(t, err, openapi.ErrTooLong)
		})
	}
}
