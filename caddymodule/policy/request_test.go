package policy

import (
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// request is an input that the embedded policies allow; tests change what they are about.
func request() *Input {
	return &Input{Facts: Facts{Method: "GET", Host: "api.example.com", Path: "/api/v2/agent/leads/l1", RawQuery: "from=2026-01-01", Header: http.Header{"Accept": {"*/*"}, "Authorization": {"Bearer secret"}, "Cookie": {"a=b"}}, ClientIP: netip.MustParseAddr("203.0.113.9")},
		Route: &route.Match{
			Route:  &route.Route{Methods: []string{"GET"}, Pattern: "/api/v2/agent/leads/:id", Scopes: []string{"agent.leads.read"}},
			Params: []route.Param{{Name: "id", Value: "l1"}},
			Scopes: []string{"agent.leads.read"},
		},
		Identity: &record.Identity{
			Key:       &record.Key{ID: "key_crm", Name: "crm agent", Scopes: []record.Scope{"agent.leads.*"}, AllowedIPs: networks("203.0.113.0/24")},
			Workspace: &record.Workspace{ID: "ws_acme", Plan: "pro", Metadata: map[string]any{"region": "eu"}},
		},
		Plan: &record.Plan{Name: "pro"},
	}
}

// with is a copy of the input with a change; records that the change does not replace stay the same ones.
func (in *Input) with(change func(in *Input)) *Input {
	copied, match, identity := *in, *in.Route, *in.Identity
	copied.Route, copied.Identity, copied.Header = &match, &identity, maps.Clone(in.Header)
	if change != nil {
		change(&copied)
	}
	return &copied
}

func networks(list ...string) []netip.Prefix {
	networks, err := record.ParseNetworks(list)
	if err != nil {
		panic(err)
	}
	return networks
}

// folder writes files, by name, into a new folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(root, name), text)
	}
	return root
}

func write(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// patient are options for tests that are about anything but time: machines that run tests may stand still.
func patient(paths ...string) Options { return Options{Paths: paths, Timeout: time.Minute} }

// engine loads the embedded policies and the files.
func engine(t testing.TB, files map[string]string) *Engine {
	t.Helper()
	options := patient()
	if files != nil {
		options.Paths = []string{folder(t, files)}
	}
	e, err := New(t.Context(), options)
	require.NoError(t, err)
	return e
}

// authz is a policy file of the team's with these rules.
func authz(rules string) string { return "package tollgate.authz\n\n" + rules }

// refusal is a deny rule with a body.
func refusal(body string) string {
	return authz(`deny contains {"code": "FORBIDDEN", "message": "refused"} if {` + "\n\t" + body + "\n}\n")
}
