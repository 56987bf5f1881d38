package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
	"github.com/tollgate-gateway/tollgate/examples/konektor/contract"
	"github.com/tollgate-gateway/tollgate/examples/shipped"
)

// caddyfiles are those that protect the Agent API: the example's, with its policies, and the one that teams copy.
var caddyfiles = map[string]string{"example": "Caddyfile", "copied by teams": "../../Caddyfile"}

// The secrets of the keys. One more for each single scope is the scope's name with "-secret-of-the-tests".
const (
	acme   = "acme-secret-of-the-tests"
	globex = "globex-secret-of-the-tests"
	trial  = "trial-secret-of-the-tests"
	free   = "free-secret-of-the-tests"
	agent  = "agent-secret-of-the-tests"
	// manager may manage the keys of ws_acme.
	manager = "manager-secret-of-the-tests"
)

func secretOf(scope string) string { return scope + "-secret-of-the-tests" }

// scopes are the single scopes of the API.
func scopes() (all []string) {
	for _, route := range agentapi.Routes() {
		if route.Scope != "" && !slices.Contains(all, route.Scope) {
			all = append(all, route.Scope)
		}
	}
	return all
}

// keys is the text of the keys file. The limits of the big workspaces are out of the way; ws_agent's are reached soon.
func keys() string {
	text := `workspaces:
  - id: ws_trial
    plan: trial
    limits: [1000/1m]
    keys: [{id: key_trial, name: trial, sha256: $SHA(` + trial + `), scopes: ["agent.*"]}]
  - id: ws_free
    plan: free
    keys: [{id: key_free, name: free, sha256: $SHA(` + free + `), scopes: ["*"]}]
  - id: ws_globex
    plan: pro
    limits: [100000/1m]
    keys: [{id: key_globex, name: globex, sha256: $SHA(` + globex + `), scopes: ["agent.*"]}]
  - id: ws_agent
    plan: starter
    limits: [8/2s]
    keys: [{id: key_agent, name: an agent, sha256: $SHA(` + agent + `), scopes: ["agent.leads.*"]}]
  - id: ws_acme
    plan: pro
    limits: [100000/1m]
    keys:
      - {id: key_acme, name: acme, sha256: $SHA(` + acme + `), scopes: ["agent.*"]}
      - {id: key_manager, name: manager, sha256: $SHA(` + manager + `), scopes: ["tollgate.keys.*"]}
`
	for i, scope := range scopes() {
		text += fmt.Sprintf("      - {id: key_%d, name: single, sha256: $SHA(%s), scopes: [%s]}\n", i, secretOf(scope), scope)
	}
	return text
}

// start runs a shipped Caddyfile in front of a backend with example data. A decision may take as long as a loaded machine
// needs for it; the throttles are those of the file.
func start(t *testing.T, caddyfile string, options ...string) *harness.Gateway {
	t.Helper()
	api, err := agentapi.New(context.Background(), agentapi.Options{Seed: []string{"ws_acme", "ws_globex", "ws_agent"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	return shipped.Start(t, shipped.Setup{
		Files: documents(t), Caddyfile: caddyfile, Backend: api, Keys: keys(), Options: strings.Join(append(options, "policy_timeout 20s"), "\n"),
	})
}

// documents are the files beside the example's Caddyfile.
func documents(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("intro.md")
	require.NoError(t, err)
	return map[string]string{"agentapi/openapi.yaml": agentapi.Document, "intro.md": string(text)}
}

// document is the API's contract.
func document(t *testing.T) *contract.Document {
	t.Helper()
	d, err := contract.Parse([]byte(agentapi.Document))
	require.NoError(t, err)
	return d
}

// sent is a request of the contract as the harness sends it.
func sent(r contract.Request, key string) harness.Request {
	request := harness.Request{Method: r.Operation.Method, Path: r.Target, Key: key, Body: string(r.Body), Header: http.Header{}}
	if r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	return request
}

// plain are the contract's plain requests, one for each endpoint.
func plain(t *testing.T) (all []contract.Request) {
	t.Helper()
	for _, r := range document(t).Valid(map[string]string{"id": "CRM-1024"}) {
		if r.Name == "plain" {
			all = append(all, r)
		}
	}
	require.Len(t, all, len(agentapi.Routes()))
	return all
}

// post is a request with a JSON body.
func post(path, key, body string) harness.Request {
	return harness.Request{Method: "POST", Path: agentapi.Base + path, Key: key, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
}

func get(path, key string) harness.Request {
	return harness.Request{Path: agentapi.Base + path, Key: key}
}

// decode reads a body.
func decode[T any](t *testing.T, text string) (value T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &value), text)
	return value
}

// answer is a success of the backend.
type answer[T any] struct {
	Success bool
	Data    T
}

// details are what a refusal says of each field.
func details(t *testing.T, a *harness.Answer) map[string]any {
	t.Helper()
	return decode[map[string]any](t, string(a.Envelope(t).Error.Details))
}
