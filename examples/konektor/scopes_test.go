package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/contract"
)

// TestEachEndpointAnswersTheKeysThatHoldItsScope is the full table: every endpoint with a key of each single scope, with
// none, and with keys of plans that may not use the API.
func TestEachEndpointAnswersTheKeysThatHoldItsScope(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			requests, singles := plain(t), scopes()
			require.Len(t, requests, 12)
			require.Len(t, singles, 6)
			var cases []harness.Case
			for _, r := range requests {
				for _, scope := range singles {
					cases = append(cases, withKey(r, scope))
				}
				cases = append(cases, without(r), deniedPlan(r, "trial", trial), deniedPlan(r, "free", free))
			}
			g.Run(t, cases)
		})
	}
}

// named is the case of a request that is answered, which is a public one or one whose key holds the scope.
func named(r contract.Request, who, key string) harness.Case {
	c := harness.Case{
		Name: fmt.Sprintf("%s %s with %s", r.Operation.Method, r.Operation.Path, who), Request: sent(r, key),
		Status: http.StatusOK, Hits: 1, Limits: harness.Workspace,
	}
	switch {
	case r.Operation.Scope == "":
		c.Limits = harness.PublicLimit
	case r.Operation.Method == http.MethodPost: // each of them makes something new
		c.Status = http.StatusCreated
	}
	return c
}

func withKey(r contract.Request, scope string) harness.Case {
	c := named(r, scope, secretOf(scope))
	if r.Operation.Scope != "" && r.Operation.Scope != scope {
		c.Status, c.Code, c.Hits = http.StatusForbidden, "FORBIDDEN", 0
		c.Check = func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Equal(t, map[string]any{"missing_scopes": []any{r.Operation.Scope}}, details(t, a))
			require.Contains(t, a.Header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="`+r.Operation.Scope+`"`)
		}
	}
	return c
}

func without(r contract.Request) harness.Case {
	c := named(r, "no key", "")
	if r.Operation.Scope != "" {
		c.Status, c.Code, c.Hits, c.Limits = http.StatusUnauthorized, "UNAUTHORIZED", 0, harness.AuthLimit
	}
	return c
}

func deniedPlan(r contract.Request, plan, key string) harness.Case {
	c := named(r, "plan "+plan, key)
	if r.Operation.Scope != "" {
		c.Status, c.Code, c.Hits, c.Limits = http.StatusForbidden, "FORBIDDEN", 0, harness.DeniedPlan
	}
	return c
}

// TestNobodySeesAnotherWorkspace asks for a lead of ws_acme with ws_globex's key, whatever the caller claims to be.
func TestNobodySeesAnotherWorkspace(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			created := g.Do(t, post("/leads", acme, `{"firstName": "Only Acme", "uniqueCode": "ONLY-ACME"}`))
			require.Equal(t, http.StatusCreated, created.Status, created.Body)
			id := decode[answer[struct{ ID string }]](t, created.Body).Data.ID
			for _, header := range []string{"X-Tollgate-Workspace", "x-tollgate-workspace", "X_Tollgate_Workspace", "X-Tollgate-Key", "X-Tollgate-Scopes"} {
				for _, path := range []string{"/leads/" + id, "/leads/ONLY-ACME"} {
					r := get(path, globex)
					r.Header = http.Header{header: {"ws_acme"}, "Connection": {"X-Tollgate-Workspace"}}
					g.Run(t, []harness.Case{{
						Name: header + " " + path, Request: r, Status: http.StatusNotFound, Code: "NOT_FOUND", Hits: 1, Limits: harness.Workspace,
						Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
							require.Equal(t, []string{"ws_globex"}, seen[0].Header.Values("X-Tollgate-Workspace"))
							require.Equal(t, []string{"key_globex"}, seen[0].Header.Values("X-Tollgate-Key"))
							require.NotContains(t, fmt.Sprint(seen[0].Header), "ws_acme")
							require.NotContains(t, fmt.Sprint(seen[0].Header), globex, "the key stays in the gateway")
						},
					}})
				}
			}
			list := g.Do(t, get("/leads?search=Only%20Acme", globex))
			require.Empty(t, decode[answer[[]any]](t, list.Body).Data)
			require.Equal(t, http.StatusOK, g.Do(t, get("/leads/"+id, acme)).Status)
		})
	}
}
