package caddymodule_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

func TestWhoami(t *testing.T) {
	setup := limited("small 10/1m 100/1h")
	setup.Gate += "whoami /me\npublic GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	for range 3 {
		g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
	}
	me := func(method string) *harness.Answer {
		return g.Do(t, harness.Request{Method: method, Path: "/me", Key: one("small")})
	}
	g.Backend.Seen()
	for range 2 { // it spends nothing
		a := me("GET")
		require.Equal(t, 200, a.Status)
		a.CheckLimits(t, harness.Workspace)
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		var answer struct {
			Success bool
			Data    struct {
				Workspace, Plan string
				Denied          bool
				Key             struct {
					ID, Name string
					Scopes   []string
				}
				Windows []struct {
					Name             string
					Limit, Remaining int64
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(a.Body), &answer))
		require.True(t, answer.Success)
		require.Equal(t, "ws_small", answer.Data.Workspace)
		require.Equal(t, "key_small_one", answer.Data.Key.ID)
		require.Equal(t, []string{"agent.leads.read"}, answer.Data.Key.Scopes)
		require.Len(t, answer.Data.Windows, 2)
		require.Equal(t, "1m", answer.Data.Windows[0].Name)
		require.Equal(t, int64(7), answer.Data.Windows[0].Remaining)
		require.Equal(t, int64(97), answer.Data.Windows[1].Remaining)
	}
	require.Empty(t, me("HEAD").Body)
	require.Empty(t, g.Backend.Seen(), "the backend sees nothing of it")
	require.Contains(t, g.Do(t, harness.Request{Path: "/metrics"}).Body, `tollgate_requests_total{code="ok",plan="small",route="/me",source="gateway"}`)
	g.Run(t, []harness.Case{
		{Name: "without a key", Request: harness.Request{Path: "/me"}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
		{Name: "other method", Request: harness.Request{Method: "POST", Path: "/me", Key: one("small")}, Status: 404, Code: "NOT_FOUND", Limits: harness.Workspace},
	})
}

func TestWhoamiOfADeniedPlan(t *testing.T) {
	setup := harness.World()
	setup.Gate += "whoami /me\n"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name: "whoami is not a policy's affair", Request: harness.Request{Path: "/me", Key: harness.Denied}, Status: 200, Limits: harness.DeniedPlan,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Contains(t, a.Body, `"denied":true`)
			require.Contains(t, a.Body, `"windows":[]`)
		},
	}})
}

// TestWhoamiTellsWhatTheCallerMayCall: the routes of a key's scopes, from its networks, of a plan that is not denied.
func TestWhoamiTellsWhatTheCallerMayCall(t *testing.T) {
	setup := harness.World()
	setup.Gate += "whoami /me\n"
	g := harness.Start(t, setup)
	routes := func(key string) (list []string) {
		t.Helper()
		a := g.Do(t, harness.Request{Path: "/me", Key: key})
		require.Equal(t, 200, a.Status)
		var answer struct {
			Data struct {
				Routes []struct {
					Methods []string
					Path    string
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(a.Body), &answer))
		for _, r := range answer.Data.Routes {
			list = append(list, strings.Join(r.Methods, ",")+" "+r.Path)
		}
		return list
	}
	any := []string{"GET /plain", "GET /v1/key", "GET /named/:name/x", "GET /me"}
	public := []string{"GET /public", "GET,POST /open/*"}
	require.ElementsMatch(t, append(append([]string{}, public...), any...), routes(harness.Unscoped))
	require.ElementsMatch(t, append(append([]string{"GET /leads", "GET /leads/:id"}, public...), any...), routes(harness.Reader))
	require.Contains(t, routes(harness.Wildcard), "POST /rest/data/:document")
	require.Equal(t, append(append([]string{}, public...), "GET /me"), routes(harness.Elsewhere), "from outside its networks")
	require.Equal(t, append(append([]string{}, public...), "GET /me"), routes(harness.Denied))
}
