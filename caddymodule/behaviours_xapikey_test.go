package caddymodule_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// xAPIKey is the README's block for callers that send X-API-Key, which logs into the gateway's folder.
func xAPIKey(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```\n(@apikey .*?)```").FindStringSubmatch(string(readme))
	require.NotEmpty(t, block)
	require.Contains(t, block[1], "log {\n")
	return strings.Replace(block[1], "log {\n", "log {\noutput file $DIR/access.log {\nroll_disabled\n}\n", 1)
}

// TestXAPIKey: the README's lines take a key from X-API-Key, from Authorization where that stands beside it, and show it to nobody.
func TestXAPIKey(t *testing.T) {
	g := harness.New(t)
	setup := harness.World()
	setup.Before = xAPIKey(t)
	caddyfile := setup.Caddyfile()
	from := strings.Index(caddyfile, "\tlog {\n\t\toutput file $DIR/access.log")
	until := strings.Index(caddyfile, setup.Before)
	require.True(t, 0 < from && from < until)
	g.WriteFile(t, "keys.yaml", setup.Keys)
	require.NoError(t, g.Load(caddyfile[:from]+caddyfile[until:])) // instead of the harness's own log

	const bearer = "Bearer "
	through := func(name string, header ...string) harness.Case {
		c := throughWith(name, "")
		c.Request.Header = harness.Header(header...)
		c.Check = func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			for _, name := range []string{"X-Api-Key", "Authorization"} {
				require.NotContains(t, seen[0].Header, name)
			}
		}
		return c
	}
	refused := func(name string, token bool, header ...string) harness.Case {
		return refusedKey(name, harness.Request{Header: harness.Header(header...)}, token)
	}
	g.Run(t, []harness.Case{
		through("a key", "X-API-Key", harness.CRM),
		through("Authorization alone", "Authorization", bearer+harness.CRM),
		through("beside a good Authorization a bad one is dropped", "X-API-Key", harness.Unknown, "Authorization", bearer+harness.CRM),
		refused("beside a bad Authorization a good one is dropped", true, "X-API-Key", harness.CRM, "Authorization", bearer+harness.Unknown),
		refused("beside an empty Authorization", false, "X-API-Key", harness.CRM, "Authorization", ""),
		refused("none", false),
		refused("unknown", true, "X-API-Key", harness.Unknown),
		refused("empty", false, "X-API-Key", ""),
		refused("two", true, "X-API-Key", harness.CRM, "X-API-Key", harness.CRM),
		refused("with the word Bearer", true, "X-API-Key", bearer+harness.CRM),
	})
	require.Equal(t, 10, strings.Count(g.ReadFile(t, "access.log"), "handled request"))
	for _, name := range []string{"access.log", "caddy.log"} {
		require.NotContains(t, g.ReadFile(t, name), harness.CRM, name)
	}
	g.Run(t, []harness.Case{
		refused("a placeholder is not read", true, "X-API-Key", "{http.request.header.X-Other}", "X-Other", harness.CRM),
	})
}

// TestXAPIKeyInTheOtherOrder holds what the README warns of: in a route the order is that of the lines.
func TestXAPIKeyInTheOtherOrder(t *testing.T) {
	for name, c := range map[string]struct {
		first  bool
		status int
	}{"before the gate": {true, 200}, "behind the gate": {false, 401}} {
		t.Run(name, func(t *testing.T) {
			g, setup := harness.New(t), harness.World()
			lines, _, _ := strings.Cut(xAPIKey(t), "log {")
			matcher, lines, _ := strings.Cut(lines, "}\n")
			gate := "tollgate {\n" + setup.Gate + "\n}\n"
			inside := gate + lines
			if c.first {
				inside = lines + gate
			}
			g.WriteFile(t, "keys.yaml", setup.Keys)
			require.NoError(t, g.Load("{\nadmin off\npersist_config off\ntollgate {\nkeys file $DIR/keys.yaml\n"+setup.Options+"\n}\n}\nhttp://:$PORT {\n"+matcher+"}\nroute {\n"+inside+"reverse_proxy $BACKEND\n}\n}\n"))
			require.Equal(t, c.status, g.Do(t, harness.Request{Path: "/leads", Header: harness.Header("X-API-Key", harness.CRM)}).Status)
		})
	}
}
