package harness

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The secrets of the keys of World. Each test that spends counts uses a workspace of its own.
const (
	CRM       = "crm-secret-0123456789"
	Reader    = "reader-secret-0123456789"
	Unscoped  = "unscoped-secret-0123456789"
	Wildcard  = "wildcard-secret-0123456789"
	Disabled  = "disabled-secret-0123456789"
	Expired   = "expired-secret-0123456789"
	Denied    = "denied-secret-0123456789"
	Nowhere   = "nowhere-secret-0123456789"
	Elsewhere = "elsewhere-secret-0123456789"
	Globex    = "globex-secret-0123456789"
	Suspended = "suspended-secret-0123456789"
	Unknown   = "nobody-knows-this-secret"
)

// WorldKeys is the keys file of World.
const WorldKeys = `
workspaces:
  - id: ws_acme
    plan: big
    metadata: {region: eu}
    keys:
      - {id: key_crm, name: crm agent, sha256: $SHA(crm-secret-0123456789), scopes: [agent.leads.read, agent.leads.write]}
      - {id: key_reader, name: reader, sha256: $SHA(reader-secret-0123456789), scopes: [agent.leads.read]}
      - {id: key_bare, name: unscoped, sha256: $SHA(unscoped-secret-0123456789)}
      - {id: key_wild, name: wildcard, sha256: $SHA(wildcard-secret-0123456789), scopes: [agent.*, "konecty.*", "files.*"]}
      - {id: key_disabled, name: disabled, sha256: $SHA(disabled-secret-0123456789), scopes: ["*"], disabled: true}
      - {id: key_expired, name: expired, sha256: $SHA(expired-secret-0123456789), scopes: ["*"], expires_at: 2020-01-01T00:00:00Z}
      - {id: key_elsewhere, name: elsewhere, sha256: $SHA(elsewhere-secret-0123456789), scopes: ["*"], allowed_ips: [203.0.113.0/24]}
  - id: ws_globex
    plan: big
    keys:
      - {id: key_globex, name: globex, sha256: $SHA(globex-secret-0123456789), scopes: [agent.leads.read]}
  - id: ws_trial
    plan: trial
    limits: [1000/1m]
    keys:
      - {id: key_denied, name: trial, sha256: $SHA(denied-secret-0123456789), scopes: ["*"]}
  - id: ws_nowhere
    plan: platinum
    keys:
      - {id: key_nowhere, name: no such plan, sha256: $SHA(nowhere-secret-0123456789), scopes: ["*"]}
  - id: ws_suspended
    plan: big
    suspended: invoice 117 unpaid
    keys:
      - {id: key_suspended, name: suspended, sha256: $SHA(suspended-secret-0123456789), scopes: ["*"]}
`

// WorldRoutes are the routes of World.
const WorldRoutes = `
public GET /public
public GET,POST /open/*
route GET /plain
route GET /leads agent.leads.read
route POST /leads agent.leads.write
route GET /leads/:id agent.leads.read
route GET /leads/export agent.export.read
route GET /both agent.leads.read agent.leads.write
route GET /deep agent.leads.deep.read
route GET /agent agent
route GET /files/* files.read
route POST /rest/data/:document konecty.:document.create
route GET /v1/key
route GET /named/:name/x
`

// World is the gateway of the black-box tests, with throttles far away.
func World() Setup {
	return Setup{
		Keys: WorldKeys,
		Options: `plan big 100000/1m
			auth_throttle 100000/1m
			refusal_throttle 100000/1m`,
		Gate: WorldRoutes,
	}
}

// Header makes request headers out of names and values.
func Header(pairs ...string) http.Header {
	h := make(http.Header, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = append(h[pairs[i]], pairs[i+1])
	}
	return h
}

// How long tests wait for something to become true, and how often they look.
const (
	WaitFor = 20 * time.Second
	Tick    = 10 * time.Millisecond
)

// Contains reports whether one line of a log holds all of the words.
func Contains(log string, words ...string) bool {
	for line := range strings.Lines(log) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}

// Soon is an instant about two seconds from now, as a keys file writes it.
func Soon() string { return time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339Nano) }

// Long reports whether the longer forms of tests are asked for.
func Long() bool { return os.Getenv("TOLLGATE_TEST_LONG") != "" }

// MetricsOf gives the lines of the metrics with this prefix.
func MetricsOf(text, prefix string) string {
	var own strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			own.WriteString(line)
		}
	}
	return own.String()
}

// AccessLine waits for a request's line in the access log and gives our fields of it.
func AccessLine(t *testing.T, g *Gateway, id string) map[string]any {
	t.Helper()
	var fields map[string]any
	require.Eventually(t, func() bool {
		for line := range strings.Lines(g.ReadFile(t, "access.log")) {
			if strings.Contains(line, id) {
				return json.Unmarshal([]byte(line), &fields) == nil
			}
		}
		return false
	}, WaitFor, Tick)
	own := make(map[string]any)
	for _, name := range []string{"request_id", "workspace", "plan", "key_id", "user_id", "route", "decision", "code"} {
		own[name] = fields[name]
	}
	for _, name := range []string{"way", "reason", "policy_file", "policy_line", "missing_scopes", "trace_id"} {
		if value, told := fields[name]; told {
			own[name] = value
		}
	}
	return own
}
