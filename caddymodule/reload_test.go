package caddymodule_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

func TestKeysFileMistakesAreConfigErrors(t *testing.T) {
	for name, c := range map[string]struct{ keys, want string }{
		"empty workspace id": {"workspaces:\n  - id: \"\"\n", "keys.yaml:2"},
		"unknown field":      {"workspaces:\n  - id: ws\n    plann: pro\n", "keys.yaml:3"},
		"workspace twice":    {"workspaces:\n  - {id: ws, plan: pro}\n  - {id: ws, plan: pro}\n", "keys.yaml:3"},
		"corrupt":            {"workspaces: [", "keys.yaml:1"},
		"no hash":            {"workspaces:\n  - id: ws\n    plan: pro\n    keys:\n      - {id: k, name: k, sha256: xyz}\n", "keys.yaml:5"},
		"window":             {"workspaces:\n  - id: ws\n    plan: pro\n    limits: [0/1m]\n", "keys.yaml:4"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			g := harness.New(t)
			g.WriteFile(t, "keys.yaml", c.keys)
			require.ErrorContains(t, g.Load(harness.World().Caddyfile()), c.want)
		})
	}
	t.Run("refuses/missing file", func(t *testing.T) {
		err := harness.New(t).Load(harness.World().Caddyfile())
		require.ErrorContains(t, err, "keys.yaml")
		require.ErrorContains(t, err, "Caddyfile:", "the place in the Caddyfile that names the file")
	})
}

func TestKeysFileThatBreaksLaterKeepsTheLastGoodOne(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.WriteFile(t, "keys.yaml", "workspaces: [")
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "keeping the last good keys", "keys.yaml:1")
	}, harness.WaitFor, harness.Tick, "the log says why")
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
	g.WriteFile(t, "keys.yaml", strings.Replace(harness.WorldKeys, "name: crm agent,", "name: crm agent, disabled: true,", 1))
	require.Eventually(t, func() bool {
		return g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status == 401
	}, harness.WaitFor, harness.Tick, "A21: a good one is taken again")
}

func TestExpiryIsObeyedWithoutRestart(t *testing.T) {
	setup := harness.World()
	g := harness.New(t)
	expiring := func(at string) string {
		return strings.Replace(harness.WorldKeys, "name: crm agent,", "name: crm agent, expires_at: "+at+",", 1)
	}
	g.WriteFile(t, "keys.yaml", expiring(harness.Soon()))
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status, "A22: before the instant")
	require.Eventually(t, func() bool {
		return g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status == 401
	}, harness.WaitFor, harness.Tick, "A22: after it")
}

func TestCostAboveEveryPlanIsAConfigError(t *testing.T) {
	setup := harness.World()
	setup.Gate += "route GET /dear {\n cost 100001\n}\n"
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", setup.Keys)
	err := g.Load(setup.Caddyfile())
	require.ErrorContains(t, err, "cost 100001 is above the limit of every plan")
	require.ErrorContains(t, err, "Caddyfile:")
}

func TestABadConfigurationLeavesTheOldOneRunning(t *testing.T) {
	g := harness.Start(t, harness.World())
	require.Error(t, g.Load("{\n\ttollgate {\n\t\tnonsense\n\t}\n}\n"))
	require.Error(t, g.Load(harness.Setup{Options: "keys file $DIR/none.yaml"}.Caddyfile()))
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
}

func TestTwoSitesShareOneCounter(t *testing.T) {
	setup := limited("small 4/1m")
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", setup.Keys)
	text := setup.Caddyfile()
	text += "http://other.test:$PORT {\n tollgate {\n  route GET /second\n }\n reverse_proxy $BACKEND\n}\n"
	require.NoError(t, g.Load(text))
	require.Equal(t, int64(3), g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Number(t, "X-Ratelimit-Remaining"))
	a := g.Raw(t, "GET", "GET /second HTTP/1.1\r\nHost: other.test\r\nAuthorization: Bearer "+one("small")+"\r\nConnection: close\r\n\r\n")
	require.Equal(t, 200, a.Status)
	require.Equal(t, int64(2), a.Number(t, "X-Ratelimit-Remaining"))
}

func TestJSONConfigWorks(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	config := fmt.Sprintf(`{
		"admin": {"disabled": true, "config": {"persist": false}},
		"apps": {
			"tollgate": {"keys": {"store": "file", "path": %q}, "plans": [{"name": "big", "windows": ["7/1m"]}]},
			"http": {"servers": {"s": {"listen": [%q], "automatic_https": {"disable": true}, "routes": [{"handle": [
				{"handler": "tollgate", "routes": [{"methods": ["GET"], "path": "/leads", "scopes": ["agent.leads.read"]}]},
				{"handler": "reverse_proxy", "upstreams": [{"dial": %q}]}
			]}]}}}
		}
	}`, g.Dir+"/keys.yaml", g.Addr, g.Backend.Addr)
	require.True(t, json.Valid([]byte(config)))
	require.NoError(t, caddy.Load([]byte(config), true))
	require.Equal(t, int64(6), g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Number(t, "X-Ratelimit-Remaining"))
	require.ErrorContains(t, caddy.Load([]byte(strings.Replace(config, `"store": "file"`, `"store": "file", "pth": 1`, 1)), true), "pth")
}

// TestNothingIsLeftBehind: what a configuration starts, its end stops; reloads add nothing.
func TestNothingIsLeftBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	g := harness.Start(t, harness.World())
	for range 5 {
		require.NoError(t, g.Load(harness.World().Caddyfile()))
		require.Eventually(t, func() bool { // a connection may have been caught by the old configuration's end
			a, err := g.Try(harness.Request{Path: "/leads", Key: harness.CRM})
			return err == nil && a.Status == 200
		}, harness.WaitFor, harness.Tick)
	}
	g.Stop(t)
	g.CloseClients()
	g.Backend.Close()
	for end := time.Now().Add(harness.WaitFor); goleak.Find(before) != nil && time.Now().Before(end); { // connections linger
	}
	goleak.VerifyNone(t, before)
}
