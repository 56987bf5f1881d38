package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// Names of headers that the gate sets, on answers and for the backend.
var (
	answersOurs = []string{
		"X-Request-Id", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Ratelimit", "Ratelimit-Policy", "Retry-After",
		"Www-Authenticate", "Cache-Control", "X-Content-Type-Options", "Content-Type", "Deprecation", "Sunset", "Link",
	}
	backendsOurs = []string{"X-Request-Id", "X-Tollgate-Workspace", "X-Tollgate-Plan", "X-Tollgate-Key", "X-Tollgate-Scopes", "X-Injected"}
)

// TestReplacementsInHeadersReachOneRequest has Caddy's header and request_header replace the text of every header of ours, which
// they do by writing into the slices of the header map. What two requests shared would be changed twice, and is a race.
func TestReplacementsInHeadersReachOneRequest(t *testing.T) {
	s := harness.World()
	s.Options = "plan big 100000/1m\nauth_throttle 1000/1m\nplan tiny 1/366d"
	s.Keys += "  - {id: ws_tiny, plan: tiny, keys: [{id: key_tiny, sha256: $SHA(tiny-secret-0123456789), scopes: [agent.leads.read]}]}\n"
	s.Gate += `inject X-Injected "of {tollgate.key.id}"
		route GET /old agent.leads.read {
			deprecated 2026-01-01
			sunset 2027-01-01
			link https://example.com/changes
		}`
	replace := func(directive string, names []string) (text string) {
		for _, name := range names {
			text += fmt.Sprintf("%s %s (.+) \"$1!\"\n", directive, name)
		}
		return text
	}
	s.Before = "header {\n" + replace("", answersOurs) + "defer\n}"
	s.Then = "route {\n" + replace("request_header", backendsOurs) + "reverse_proxy $BACKEND\n}"
	g := harness.Start(t, s)
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusNotFound)
		}
	})
	var all sync.WaitGroup
	for n, kind := range []struct {
		status    int
		path, key string
		names     string
	}{
		{200, "/leads/l1", harness.CRM, "X-Request-Id X-Ratelimit-Limit X-Ratelimit-Remaining X-Ratelimit-Reset Ratelimit Ratelimit-Policy"},
		{200, "/old", harness.CRM, "X-Request-Id Deprecation Sunset Link"},
		{404, "/plain", harness.CRM, "Content-Type X-Ratelimit-Limit"},
		{401, "/leads", harness.Unknown, "Www-Authenticate Content-Type Cache-Control X-Content-Type-Options X-Ratelimit-Limit"},
		{403, "/deep", harness.CRM, "Www-Authenticate Content-Type Cache-Control X-Content-Type-Options X-Ratelimit-Limit"},
		{429, "/leads", "tiny-secret-0123456789", "Retry-After Content-Type X-Ratelimit-Remaining"},
	} {
		if kind.status == http.StatusTooManyRequests {
			g.Do(t, harness.Request{Path: kind.path, Key: kind.key})
		}
		for range 2 {
			all.Go(func() {
				for range 20 {
					answer, err := g.Try(harness.Request{Path: kind.path, Key: kind.key, Proto: []harness.Proto{harness.H1, harness.H2C}[n%2]})
					if !assert.NoError(t, err) {
						return
					}
					assert.Equal(t, kind.status, answer.Status, kind.path)
					for name := range strings.FieldsSeq(kind.names) {
						if assert.Len(t, answer.Header[name], 1, name) {
							assert.Regexp(t, `^[^!]+!$`, answer.Header[name][0], name)
						}
					}
				}
			})
		}
	}
	all.Wait()
	seen := g.Backend.Seen()
	require.NotEmpty(t, seen)
	for _, request := range seen {
		for _, name := range backendsOurs {
			require.Len(t, request.Header[name], 1, name)
			require.Regexp(t, `^[^!]+!$`, request.Header[name][0], name)
		}
	}
}
