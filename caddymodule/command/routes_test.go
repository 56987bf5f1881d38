package command_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestRoutesOfADocument: they stand in the table with the document's file and line, audit and new keys know them, and a mistake in
// the document is told with both places.
func TestRoutesOfADocument(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "whoami /me", "whoami /me\n\t\topenapi api.yaml {\n\t\t\tpublic\n\t\t}", 1))
	d.Write(t, "api.yaml", `openapi: 3.0.3
components: {securitySchemes: {key: {type: apiKey}}}
security: [{key: [doc.read]}]
paths:
  /doc/{id}: {get: {x-tollgate: {cost: 2}}, delete: {deprecated: true, security: [{key: [doc.write]}]}}
  /doc/open: {get: {security: []}}
  /leads: {get: {}, post: {}, put: {}}
`)
	require.Equal(t, `SITE   METHODS  PATH             NEEDS                     COST  BODY  DEPRECATION            SOURCE
:8080  GET      /SKILL.md        public                    -     -     -                      Caddyfile:10
:8080  GET      /leads           agent.leads.read          1     -     -                      Caddyfile:11
:8080  GET      /leads/:id       agent.leads.read          1     -     -                      Caddyfile:12
:8080  POST     /leads           agent.leads.write         2     64    -                      Caddyfile:13
:8080  POST     /rest/:document  konecty.:document.create  1     -     -                      Caddyfile:17
:8080  GET      /me              whoami                    -     -     -                      Caddyfile:18
:8080  GET      /doc/:id         doc.read                  2     -     -                      api.yaml:5
:8080  DELETE   /doc/:id         doc.write                 1     -     deprecated 1970-01-01  api.yaml:5
:8080  GET      /doc/open        public                    -     -     -                      api.yaml:6
:8080  PUT      /leads           doc.read                  1     -     -                      api.yaml:7
`, strings.ReplaceAll(d.Must(t, "routes", "--wide"), d.Dir+"/", ""))
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	require.NotContains(t, d.Run("", "key", "create", "--workspace", "ws_acme", "--scope", "doc.write").Notes, "no route")
	require.Contains(t, d.Run("", "key", "create", "--workspace", "ws_acme", "--scope", "doc.other").Notes, "no route of")

	d.Write(t, "api.yaml", "openapi: 3.0.3\npaths: {/a: {get: {x-tollgate: {price: 1}}}}\n")
	d.Refuses(t, harness.Blunder{Line: "routes", Want: "Caddyfile:19: openapi: "}, "")
	d.Refuses(t, harness.Blunder{Line: "routes", Want: `api.yaml:2: x-tollgate has no "price": known are cost, body, limit, deprecated, sunset, link; or leave the operation out: except GET /a`}, "")
}
