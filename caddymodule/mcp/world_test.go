package mcp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/mcp"
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

const head = `
openapi: 3.1.0
info: {title: Things, version: "7"}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
security: [{key: [things]}]
paths:
`

// world has a place of each kind for an argument.
const world = head + `
  /things/{id}/parts/{part}:
    get:
      operationId: getPart
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: part, in: path, required: true, schema: {type: string}}
        - {name: q, in: query, schema: {type: string}}
        - {name: "a&b=c", in: query, schema: {type: string}}
        - {name: many, in: query, schema: {type: array, items: {type: string}}}
        - {name: one, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: pipes, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: string}}}
        - {name: json, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: X-Note, in: header, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
        - {name: X-Forwarded-For, in: header, schema: {type: string}}
        - {name: true-client-ip, in: header, schema: {type: string}}
        - {name: MCP-Name, in: header, schema: {type: string}}
      responses: {"200": {description: ok}}
  /things:
    post:
      operationId: addThing
      parameters: [{name: id, in: query, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object, additionalProperties: false, properties: {id: {type: string}, name: {type: string}}}}}}
      responses: {"200": {description: ok}}
    put:
      operationId: putThings
      requestBody: {required: true, content: {application/json: {schema: {type: array, items: {type: string}}}}}
      responses: {"200": {description: ok}}
    patch:
      operationId: patchThings
      requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}
      responses: {"200": {description: ok}}
  /notes:
    post:
      operationId: addNote
      requestBody: {content: {text/plain: {schema: {type: string}}}}
      responses: {"200": {description: ok}}
    put:
      operationId: uploadNote
      requestBody: {content: {multipart/form-data: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
`

// serve makes a server of a document, and gives the warnings.
func serve(t testing.TB, document string, options mcp.Options) (*mcp.Server, []string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	d, err := openapi.Load(file)
	require.NoError(t, err)
	routes, _, err := d.Routes(openapi.Options{Public: true})
	require.NoError(t, err)
	var operations []mcp.Operation
	for _, r := range routes {
		operations = append(operations, mcp.Operation{Operation: openapi.OperationOf(r), Route: r})
	}
	return mcp.New(options, operations)
}

// site is who asks, and what comes of what it asks for.
type site struct {
	hidden  map[string]bool // tools that may not be called
	answer  *mcp.Answer
	calls   []*mcp.Call
	refused []*refusal.Refusal
}

func (s *site) May(t *mcp.Tool) bool { return !s.hidden[t.Name] }

func (s *site) Call(_ context.Context, r *mcp.Call) *mcp.Answer {
	s.calls = append(s.calls, r)
	if s.answer != nil {
		return s.answer
	}
	return &mcp.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{}`)}
}

func (s *site) Refuse(_ *mcp.Tool, r *refusal.Refusal) *mcp.Answer {
	s.refused = append(s.refused, r)
	return &mcp.Answer{Status: r.StatusCode(), Header: http.Header{"Content-Type": {"application/json"}}, Body: r.JSON()}
}

func (s *site) Resources() []mcp.Resource {
	return []mcp.Resource{{URI: "tollgate://skill", Name: "SKILL.md", Type: "text/markdown"}}
}

func (s *site) Read(_ context.Context, uri string) (string, bool) {
	return "# Skill", uri == "tollgate://skill"
}

// ask sends a message of an earlier revision, whose headers say little.
func ask(s *mcp.Server, of *site, body string) *mcp.Reply {
	return s.Answer(context.Background(), &mcp.Request{Method: "POST", Host: "localhost", Body: []byte(body), Header: http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {"2025-11-25"},
	}}, of)
}

// call calls a tool with arguments, which are JSON.
func call(t testing.TB, s *mcp.Server, of *site, tool, arguments string) map[string]any {
	t.Helper()
	reply := ask(s, of, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+arguments+`}}`)
	var said struct{ Result map[string]any }
	require.NoError(t, json.Unmarshal(reply.Body, &said), "%s", reply.Body)
	return said.Result
}
