package contract_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/examples/konektor/contract"
)

// TestTheGatewayValidatesTheAgentAPI: by its document the gateway passes every valid request, and refuses every other one with the
// field at fault. What is no JSON at all is told as such, and bodies of other kinds are not looked at.
func TestTheGatewayValidatesTheAgentAPI(t *testing.T) {
	text, err := os.ReadFile("../agentapi/openapi.yaml")
	require.NoError(t, err)
	d, err := contract.Parse(text)
	require.NoError(t, err)
	document, err := openapi.Load("../agentapi/openapi.yaml")
	require.NoError(t, err)
	routes, _, err := document.Routes(openapi.Options{Validate: true, StrictQuery: true})
	require.NoError(t, err)
	table, err := route.New(routes)
	require.NoError(t, err)
	check := func(r contract.Request) ([]route.Problem, error) {
		path, query, _ := strings.Cut(r.Target, "?")
		var m route.Match
		found, err := table.Match(r.Operation.Method, path, &m)
		require.NoError(t, err)
		require.True(t, found, "%s %s", r.Operation.Method, path)
		header := http.Header{}
		if r.ContentType != "" {
			header.Set("Content-Type", r.ContentType)
		}
		v := m.Route.Validator
		if !v.ReadsBody(header) {
			return v.Check(m.Params, query, header, nil)
		}
		return v.Check(m.Params, query, header, r.Body)
	}
	path := map[string]string{"id": "x"}
	valid, invalid := d.Valid(path), d.Invalid(path)
	for _, r := range valid {
		problems, err := check(r)
		require.NoError(t, err, r.Operation.ID+"/"+r.Name)
		require.Empty(t, problems, r.Operation.ID+"/"+r.Name)
	}
	malformed, unread := 0, 0
	var unsaid []string // by the document: only the backend knows
	for _, r := range invalid {
		problems, err := check(r)
		name := r.Operation.ID + "/" + r.Name
		switch {
		case r.Wrong == "Content-Type":
			require.Empty(t, problems, name)
			unread++
		case err != nil:
			require.True(t, strings.HasPrefix(r.Name, "body "), "%s: %v", name, err)
			malformed++
		case len(problems) == 0:
			unsaid = append(unsaid, name)
		default:
			fields := make([]string, len(problems))
			for n, p := range problems {
				fields[n] = p.Field
			}
			require.Contains(t, fields, r.Wrong, "%s: %v", name, problems)
		}
	}
	require.Equal(t, []string{"listLeads/cursor made up", "listLeads/cursor not of its form", "listLeads/cursor not UTF-8"}, unsaid)
	t.Logf("%d valid, %d invalid: %d with their field, %d are no JSON, %d are of another kind", len(valid), len(invalid), len(invalid)-malformed-unread-len(unsaid), malformed, unread)
}
