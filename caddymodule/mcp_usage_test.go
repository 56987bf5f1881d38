package caddymodule_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestTheLedgerNamesTheWayIn of requests for one route: over HTTP, and as calls of its tool.
func TestTheLedgerNamesTheWayIn(t *testing.T) {
	for name, place := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite " + filepath.Join(t.TempDir(), "usage.db") },
		"PostgreSQL": func(t *testing.T) string { return "postgres " + services.Postgres(t).Database() },
	} {
		t.Run(name, func(t *testing.T) {
			store := place(t)
			d := harness.NewDesk(t, "{\n\ttollgate {\n\t\tkeys "+store+"\n\t}\n}\n")
			d.Must(t, "workspace", "create", "ws_acme", "--plan", "enterprise")
			_, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.leads.*", "--scope", "tollgate.usage.read")
			setup := harness.Setup{
				Options: "keys " + store,
				Gate:    "openapi $DIR/openapi.yaml {\nvalidate\n}\nmcp /mcp\nroute GET /keys/usage\n",
				Then:    "tollgate_keys /keys\nreverse_proxy $BACKEND",
			}
			g := harness.New(t)
			g.WriteFile(t, "openapi.yaml", agentDocument)
			require.NoError(t, g.Load(setup.Caddyfile()))
			for range 2 {
				require.Equal(t, 200, g.Do(t, harness.Request{Path: "/v1/leads", Key: secret}).Status)
			}
			require.Equal(t, 400, g.Do(t, harness.Request{Path: "/v1/leads?limit=0", Key: secret}).Status)
			for range 3 {
				require.False(t, callTool(t, g, secret, "listLeads", nil).IsError)
			}
			require.True(t, callTool(t, g, secret, "listLeads", map[string]any{"limit": 0}).IsError)
			require.NotEmpty(t, toolsOf(t, g, secret))
			g.Stop(t)

			require.Equal(t, "way,route,code,requests,cost\nhttp,/mcp,2xx,1,0\nhttp,/v1/leads,2xx,2,2\nhttp,/v1/leads,VALIDATION_ERROR,1,0\n"+
				"mcp,/v1/leads,2xx,3,3\nmcp,/v1/leads,VALIDATION_ERROR,1,0\n", d.Must(t, "usage", "--by", "way,route,code", "--csv"))
			require.Contains(t, strings.Join(strings.Fields(d.Must(t, "usage", "ws_acme", "--by", "way,route")), " "),
				"WAY ROUTE REQUESTS COST http /mcp 1 0 http /v1/leads 3 2 mcp /v1/leads 4 3 total 8 5")
			require.Contains(t, d.Must(t, "usage", "--by", "way", "--json"), `"rows":[{"cost":2,"requests":4,"way":"http"},{"cost":3,"requests":4,"way":"mcp"}],"total":{"requests":8,"cost":5}`)

			require.NoError(t, g.Load(setup.Caddyfile()))
			over := g.Do(t, harness.Request{Path: "/keys/usage?by=way,route", Key: secret})
			require.Equal(t, 200, over.Status, over.Body)
			require.Contains(t, over.Body, `{"cost":3,"requests":4,"route":"/v1/leads","way":"mcp"}`)
		})
	}
}
