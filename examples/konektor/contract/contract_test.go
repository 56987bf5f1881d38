package contract_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/contract"
)

const document = `
servers: [{url: /base}]
paths:
  /things/{id}:
    parameters: [{$ref: "#/components/parameters/id"}]
    patch:
      operationId: change
      security: [{key: [things.write]}]
      parameters: [{name: kind, in: query, schema: {$ref: "#/components/schemas/Kind"}}]
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Thing"}
            example: {code: a}
      responses:
        "200": {$ref: "#/components/responses/Thing"}
components:
  parameters:
    id: {name: id, in: path, schema: {type: string, maxLength: 5}}
  responses:
    Thing: {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
  schemas:
    Kind: {type: string, enum: [big, small]}
    Thing:
      type: object
      additionalProperties: false
      required: [code]
      properties:
        code: {type: string, minLength: 1, maxLength: 9, x-unique: true, examples: [a]}
        kind: {$ref: "#/components/schemas/Kind"}
        size: {type: [integer, "null"], minimum: 0, maximum: 9}
        parts: {type: array, items: {type: number}}
`

func parse(t *testing.T) *contract.Document {
	t.Helper()
	d, err := contract.Parse([]byte(document))
	require.NoError(t, err)
	return d
}

func byName(requests []contract.Request) map[string]contract.Request {
	named := map[string]contract.Request{}
	for _, r := range requests {
		named[r.Name] = r
	}
	return named
}

func TestParseResolvesReferences(t *testing.T) {
	op := parse(t).Operations()[0]
	require.Equal(t, "PATCH", op.Method)
	require.Equal(t, "/things/{id}", op.Path)
	require.Equal(t, "things.write", op.Scope)
	require.Len(t, op.Parameters, 2)
	require.Equal(t, "id", op.Parameters[0].Name)
	require.Equal(t, []any{"big", "small"}, op.Parameters[1].Schema.Enum)
	require.Equal(t, []any{"big", "small"}, op.BodySchema().Properties["kind"].Enum)
	require.NotNil(t, op.Responses["200"].Content["application/json"].Schema.Properties["size"])
}

func TestParseRefusesADocumentItCannotResolve(t *testing.T) {
	for name, text := range map[string]string{
		"schema":    "paths: {/a: {get: {parameters: [{name: x, in: query, schema: {$ref: '#/components/schemas/Gone'}}]}}}",
		"parameter": "paths: {/a: {get: {parameters: [{$ref: '#/components/parameters/gone'}]}}}",
		"response":  "paths: {/a: {get: {responses: {'200': {$ref: '#/components/responses/Gone'}}}}}",
		"yaml":      "paths: [",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := contract.Parse([]byte(text))
			require.Error(t, err)
		})
	}
}

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	thing := parse(t).Components.Schemas["Thing"]
	for body, problem := range map[string]string{
		`{"code":"a"}`: "",
		`{"code":"a","kind":"big","size":null,"parts":[1,2.5]}`: "",
		`{"kind":"big"}`:               "$: code is missing",
		`{"code":""}`:                  "$.code: has 0 characters",
		`{"code":7}`:                   "$.code: 7 is not [string]",
		`{"code":"a","kind":"odd"}`:    "$.kind: odd is none of [big small]",
		`{"code":"a","size":10}`:       "$.size: 10 is out of range",
		`{"code":"a","size":1.5}`:      "$.size: 1.5 is not [integer null]",
		`{"code":"a","parts":[1,"x"]}`: "$.parts[1]: x is not [number]",
		`{"code":"a","more":1}`:        "$: more is unknown",
		`[]`:                           "$: [] is not [object]",
	} {
		t.Run(body, func(t *testing.T) {
			var value any
			require.NoError(t, json.Unmarshal([]byte(body), &value))
			require.Equal(t, problem, thing.Check(value))
		})
	}
}

func TestValidRequestsFitTheSchemaAndReachEveryEdge(t *testing.T) {
	d := parse(t)
	requests := d.Valid(map[string]string{"id": "t1"})
	named := byName(requests)
	for _, name := range []string{"plain", "kind=big", "kind=small", "kind 0 big", "kind 1 small", "size 0 0", "size 1 9", "size 2 <nil>"} {
		require.Contains(t, named, name)
	}
	require.Equal(t, "/base/things/t1?kind=big", named["kind=big"].Target)
	codes := map[any]bool{}
	for _, r := range requests {
		var body map[string]any
		require.NoError(t, json.Unmarshal(r.Body, &body), r.Name)
		require.Empty(t, d.Operations()[0].BodySchema().Check(body), r.Name)
		require.False(t, codes[body["code"]], "%s: a unique value is used again", r.Name)
		codes[body["code"]] = true
	}
}

func TestInvalidRequestsNameWhatIsWrong(t *testing.T) {
	d := parse(t)
	named := byName(d.Invalid(map[string]string{"id": "t1"}))
	for name, wrong := range map[string]string{
		"kind unknown value": "kind", "kind twice": "kind", "id one too long": "id", "code missing": "code", "size too large": "size",
		"size fraction": "size", "code null": "code", "nonsense unknown": "nonsense", "body cut off": "body",
		"body of another type": "Content-Type", "unknown parameter": "nonsense",
	} {
		require.Equal(t, wrong, named[name].Wrong, name)
	}
	for name, r := range named {
		if name == "body name twice" {
			continue // a decoder takes the last one
		}
		var body any
		if json.Unmarshal(r.Body, &body) == nil && r.Operation.BodySchema().Check(body) == "" {
			require.NotEqual(t, r.Target+r.ContentType, "/base/things/t1application/json", "%s is a valid request", name)
		}
	}
}

func TestTheDocumentOfTheAgentAPI(t *testing.T) {
	text, err := os.ReadFile("../agentapi/openapi.yaml")
	require.NoError(t, err)
	d, err := contract.Parse(text)
	require.NoError(t, err)
	require.Len(t, d.Operations(), 12)
	require.Equal(t, "/api/v2/agent", d.Base())
	for _, requests := range [][]contract.Request{d.Valid(map[string]string{"id": "x"}), d.Invalid(map[string]string{"id": "x"})} {
		names := map[string]bool{}
		for _, r := range requests {
			name := r.Operation.ID + "/" + r.Name
			require.False(t, names[name], "two requests are called %s", name)
			names[name] = true
			if body := r.Operation.BodySchema(); body != nil && r.Wrong == "" {
				var value any
				require.NoError(t, json.Unmarshal(r.Body, &value))
				require.Empty(t, body.Check(value), name)
			}
		}
		t.Logf("%d requests", len(requests))
	}
}
