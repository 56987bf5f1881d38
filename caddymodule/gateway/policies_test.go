package gateway_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// rule is a policy file of a team: it adds one refusal.
func rule(condition, code, message string) string {
	return fmt.Sprintf("package tollgate.authz\n\ndeny contains {\"code\": %q, \"message\": %q, \"details\": null} if {\n%s\n}\n", code, message, condition)
}

// withPolicy is a gateway whose policies folder holds one file.
func withPolicy(t *testing.T, text string) *harness.Gateway {
	t.Helper()
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", text)
	require.NoError(t, g.Load(policySetup().Caddyfile()))
	return g
}

func policySetup() harness.Setup {
	setup := harness.World()
	setup.Options += "\npolicies policies\npolicy_timeout 2s"
	setup.Gate += "route POST /bodies {\n body 1KiB\n}\n"
	return setup
}

func TestPoliciesSeeTheRequest(t *testing.T) {
	for _, c := range []struct {
		name, condition string
		request         harness.Request
		status          int
	}{
		{"C03/header, wrong value", `input.request.headers["x-mode"] != ["safe"]`, harness.Request{Header: harness.Header("X-Mode", "wild")}, 403},
		{"C03/header, right value", `input.request.headers["x-mode"] != ["safe"]`, harness.Request{Header: harness.Header("X-Mode", "safe")}, 200},
		{"C03/query", `"delete" in input.request.query.action`, harness.Request{Path: "/plain?action=delete"}, 403},
		{"C19/query, all values are seen", `"delete" in input.request.query.action`, harness.Request{Path: "/plain?action=read&action=delete"}, 403},
		{"C01/method", `input.request.method == "HEAD"`, harness.Request{Method: "HEAD"}, 403},
		{"C02/path", `input.request.path == "/plain"`, harness.Request{}, 403},
		{"metadata", `input.workspace.metadata.region == "eu"`, harness.Request{}, 403},
		{"host without its port", `input.request.host == "127.0.0.1"`, harness.Request{}, 403},
		{"credentials are hidden", `some name, _ in input.request.headers; name in {"authorization", "proxy-authorization"}`, harness.Request{}, 200},
		{"cookies are hidden", `some name, _ in input.request.headers; name == "cookie"`, harness.Request{Header: harness.Header("Cookie", "a=b")}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := withPolicy(t, rule(c.condition, "FORBIDDEN", "by the team's rule"))
			if c.request.Path == "" {
				c.request.Path = "/plain"
			}
			c.request.Key = harness.CRM
			want := harness.Case{Name: "decides", Request: c.request, Status: c.status, Limits: harness.Workspace}
			if c.status == 200 {
				want.Hits = 1
			} else {
				want.Code = "FORBIDDEN"
			}
			g.Run(t, []harness.Case{want, want}) // the second may be remembered
		})
	}
}

func TestPolicyRefusals(t *testing.T) {
	hostile := "quote \\\" CRLF \\r\\nX-Evil: 1 <script> \\u0000"
	for _, c := range []struct {
		name, text string
		status     int
		code       string
	}{
		{"C11/a refusal that is not an object", "package tollgate.authz\n\ndeny contains json.unmarshal(\"1\")\n", 500, "INTERNAL_ERROR"},
		{"C11/an unknown code", strings.Replace(rule("true", "TEAPOT", "x"), `"TEAPOT"`, `upper("teapot")`, 1), 500, "INTERNAL_ERROR"},
		{"C12/an evaluation error", "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": x, \"details\": null} if {\nx := f(1)\n}\n\nf(_) := \"a\"\n\nf(_) := \"b\"\n", 500, "INTERNAL_ERROR"},
		{"C22/FORBIDDEN beats NOT_FOUND", rule("true", "NOT_FOUND", "x") + "\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"y\", \"details\": null}\n", 403, "FORBIDDEN"},
		{"C22/NOT_FOUND beats VALIDATION_ERROR", rule("true", "NOT_FOUND", "x") + "\ndeny contains {\"code\": \"VALIDATION_ERROR\", \"message\": \"y\", \"details\": null}\n", 404, "NOT_FOUND"},
		{"C15/hostile message", strings.Replace(rule("true", "FORBIDDEN", "MESSAGE"), "MESSAGE", hostile, 1), 403, "FORBIDDEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := withPolicy(t, c.text)
			g.Run(t, []harness.Case{{
				Name: "refuses", Request: harness.Request{Path: "/plain", Key: harness.CRM}, Status: c.status, Code: c.code, Limits: harness.Workspace,
				Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
					require.NotContains(t, a.Header, "X-Evil")
					require.NotContains(t, a.Body, "\r")
					if c.status == 500 {
						require.Eventually(t, func() bool {
							return harness.Contains(g.ReadFile(t, "caddy.log"), `"level":"error"`, "policy_failed", "team.rego:")
						}, harness.WaitFor, harness.Tick, "and is logged, with file and line")
					}
				},
			}})
		})
	}
}

func TestPolicyThatNeverEnds(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", rule("count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1]) > 0", "FORBIDDEN", "x"))
	setup := policySetup()
	setup.Options = strings.Replace(setup.Options, "policy_timeout 2s", "policy_timeout 100ms", 1)
	require.NoError(t, g.Load(setup.Caddyfile()))
	g.Run(t, []harness.Case{{
		Name: "C13/late decision is not a decision", Request: harness.Request{Path: "/plain", Key: harness.CRM}, Status: 500, Code: "INTERNAL_ERROR", Limits: harness.Workspace,
	}})
}

func TestPolicyMistakesAreConfigErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"C26/decision redefined":  {"package tollgate\n\ndecision := {\"allow\": true}\n", "team.rego:1"},
		"C20/broken Rego":         {"package tollgate.authz\n\ndeny contains {\n", "team.rego:"},
		"typo in an input path":   {rule("input.request.metod == \"GET\"", "FORBIDDEN", "x"), "team.rego:4"},
		"network":                 {rule("http.send({\"url\": \"http://x\", \"method\": \"GET\"})", "FORBIDDEN", "x"), "team.rego:4"},
		"clock":                   {rule("time.now_ns() > 0", "FORBIDDEN", "x"), "team.rego:4: time.now_ns is not available to policies"},
		"C11/a text for refusal":  {"package tollgate.authz\n\ndeny contains \"no\"\n", "team.rego:3: the refusal is of type string"},
		"a rule that never fires": {rule("input.request.headers[\"x-env\"] == \"prod\"", "FORBIDDEN", "x"), "team.rego:4: match error"},
		"a file nobody asks":      {"package httpapi.authz\n\ndefault allow := false\n\nallow if input.request.method == \"GET\"\n", "team.rego:3: allow of package httpapi.authz is never asked"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			g := harness.New(t)
			g.WriteFile(t, "keys.yaml", harness.WorldKeys)
			g.WriteFile(t, "policies/team.rego", c.text)
			require.ErrorContains(t, g.Load(policySetup().Caddyfile()), c.want)
		})
	}
	t.Run("refuses/C21/missing folder", func(t *testing.T) {
		g := harness.New(t)
		g.WriteFile(t, "keys.yaml", harness.WorldKeys)
		err := g.Load(policySetup().Caddyfile())
		require.ErrorContains(t, err, filepath.Join(g.Dir, "policies"))
		require.Regexp(t, `Caddyfile:\d+: policies: `, err.Error(), "and the line that names it")
	})
	t.Run("refuses/missing folder of secrets", func(t *testing.T) {
		g := harness.New(t)
		g.WriteFile(t, "keys.yaml", harness.WorldKeys)
		setup := harness.World()
		setup.Options += "\nsecrets nowhere"
		require.Regexp(t, `Caddyfile:\d+: secrets: .*nowhere`, g.Load(setup.Caddyfile()).Error())
	})
}

func TestPoliciesAreReloaded(t *testing.T) {
	g := withPolicy(t, rule("false", "FORBIDDEN", "x"))
	status := func() int { return g.Do(t, harness.Request{Path: "/plain", Key: harness.CRM}).Status }
	require.Equal(t, 200, status())
	g.WriteFile(t, "policies/team.rego", rule("true", "FORBIDDEN", "x"))
	require.Eventually(t, func() bool { return status() == 403 }, harness.WaitFor, harness.Tick, "a change is obeyed without restart")
	g.WriteFile(t, "policies/team.rego", "package tollgate.authz\n\nbroken {\n")
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "policies are not taken", "team.rego:", `"do":"correct what the error names`)
	}, harness.WaitFor, harness.Tick, "C20: the log says file, line and why")
	require.Equal(t, 403, status(), "C20: the old policy goes on")
}

func TestBodiesForPolicies(t *testing.T) {
	g := withPolicy(t, rule("input.request.body.name == \"bad\"", "VALIDATION_ERROR", "name is bad")+
		"\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"empty\", \"details\": null} if {\ninput.route.pattern == \"/bodies\"\nnot input.request.body\n}\n")
	send := func(name, body string, status int, code string, pairs ...string) harness.Case {
		if len(pairs) == 0 {
			pairs = []string{"Content-Type", "application/json"}
		}
		c := harness.Case{
			Name: name, Request: harness.Request{Method: "POST", Path: "/bodies", Key: harness.CRM, Body: body, Header: harness.Header(pairs...)},
			Status: status, Code: code, Limits: harness.Workspace,
		}
		if status == 200 {
			c.Hits = 1
			c.Check = func(t *testing.T, _ *harness.Answer, seen []harness.Seen) { require.Equal(t, body, seen[0].Body) }
		}
		return c
	}
	good := "{ \"name\" : \"gööd\",\n \"n\": 1.50 }"
	g.Run(t, []harness.Case{
		send("C18/backend gets the bytes, unchanged and once", good, 200, ""),
		send("C18/+json", good, 200, "", "Content-Type", "application/vnd.api+json; charset=utf-8"),
		send("policy reads the body", `{"name":"bad"}`, 400, "VALIDATION_ERROR"),
		send("C17/no JSON", `{"name":`, 400, "VALIDATION_ERROR"),
		send("C17/two values", `{} {}`, 400, "VALIDATION_ERROR"),
		send("C17/duplicate names", `{"name":"good","name":"bad"}`, 400, "VALIDATION_ERROR"),
		send("C17/too deep", strings.Repeat("[", 65)+strings.Repeat("]", 65), 400, "VALIDATION_ERROR"),
		send("C17/wrong type", good, 400, "VALIDATION_ERROR", "Content-Type", "text/plain"),
		send("C17/a type that only ends like JSON", good, 400, "VALIDATION_ERROR", "Content-Type", "foo+json"),
		send("C17/no type", good, 400, "VALIDATION_ERROR", "Accept", "*/*"),
		send("C17/charset UTF-8", good, 200, "", "Content-Type", "application/json; charset=UTF-8"),
		send("C17/other charset", good, 400, "VALIDATION_ERROR", "Content-Type", "application/json; charset=utf-7"),
		send("C17/encoded", good, 400, "VALIDATION_ERROR", "Content-Type", "application/json", "Content-Encoding", "gzip"),
		send("C17/empty body is absent from the input", "", 403, "FORBIDDEN"),
		send("C16/too large", `{"name":"`+strings.Repeat("x", 1024)+`"}`, 413, "VALIDATION_ERROR"),
		{
			Name: "C16/too large, chunked",
			Raw: "POST /bodies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
				"800\r\n" + strings.Repeat("x", 0x800) + "\r\n0\r\n\r\n",
			Status: 413, Code: "VALIDATION_ERROR", Limits: harness.Workspace,
		},
	})
}

// TestABodyThatArrivesLateIsRefused sends the head of a request and only half of its body.
func TestABodyThatArrivesLateIsRefused(t *testing.T) {
	gateway.SetBodyTimeout(t, 50*time.Millisecond)
	g := withPolicy(t, rule("input.request.body.name == \"bad\"", "VALIDATION_ERROR", "name is bad"))
	g.Run(t, []harness.Case{{
		Name: "C16/late body",
		Raw: "POST /bodies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n" +
			`{"name": `,
		Status: 408, Code: "VALIDATION_ERROR", Limits: harness.Workspace,
	}})
}

func TestFailingReloadsAreMeteredUntilTheyAreMended(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", rule("false", "FORBIDDEN", "x"))
	setup := policySetup()
	setup.Gate += "public GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	require.NoError(t, g.Load(setup.Caddyfile()))
	failing := func() string {
		return harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, "tollgate_policies_failing")
	}
	require.Equal(t, "tollgate_policies_failing 0\n", failing())
	g.WriteFile(t, "policies/team.rego", "nonsense")
	require.Eventually(t, func() bool { return failing() == "tollgate_policies_failing 1\n" }, harness.WaitFor, harness.Tick)
	g.WriteFile(t, "policies/team.rego", rule("false", "FORBIDDEN", "y"))
	require.Eventually(t, func() bool { return failing() == "tollgate_policies_failing 0\n" }, harness.WaitFor, harness.Tick)
}

// TestWhyDecisionsAreNotRememberedIsSaidOnceALoad asks many times between two loads.
func TestWhyDecisionsAreNotRememberedIsSaidOnceALoad(t *testing.T) {
	g := withPolicy(t, rule("count(input) == 0", "FORBIDDEN", "x"))
	said := func() int { return strings.Count(g.ReadFile(t, "caddy.log"), "policy decisions are not remembered") }
	for range 5 {
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: harness.CRM}).Status)
	}
	require.Equal(t, 1, said())
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), "policy decisions are not remembered", "team.rego:4 reads input as a whole"))
	g.WriteFile(t, "policies/team.rego", rule("count(input) == 1", "FORBIDDEN", "x"))
	require.Eventually(t, func() bool { return said() == 2 }, harness.WaitFor, harness.Tick)
	g.WriteFile(t, "policies/team.rego", rule("false", "FORBIDDEN", "x"))
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "policies loaded", `"generation":3`)
	}, harness.WaitFor, harness.Tick)
	require.Equal(t, 2, said(), "and not where they are remembered")
}

// TestReloadsOfPoliciesUnderLoadMixNothing swaps a folder of two files under load. Each version refuses with its number in
// the message, said by one file, and in the details, said by the other.
func TestReloadsOfPoliciesUnderLoadMixNothing(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	change := func(n int) {
		version := fmt.Sprintf("version%d", n)
		g.WriteFile(t, version+"/a.rego", fmt.Sprintf("package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"%d\", \"details\": {\"n\": data.team.n}}\n", n))
		g.WriteFile(t, version+"/b.rego", fmt.Sprintf("package team\n\nn := %d\n", n))
		require.NoError(t, os.Symlink(version, filepath.Join(g.Dir, "next")))
		require.NoError(t, os.Rename(filepath.Join(g.Dir, "next"), filepath.Join(g.Dir, "policies")))
	}
	change(1)
	require.NoError(t, g.Load(policySetup().Caddyfile()))
	const versions = 4
	var newest atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for last := int64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				a, err := g.Try(harness.Request{Path: "/plain", Key: harness.CRM})
				if err != nil || a.Status != http.StatusForbidden {
					t.Errorf("answer %v %v", a, err)
					return
				}
				said := a.Envelope(t).Error
				n, err := strconv.ParseInt(said.Message, 10, 64)
				if err != nil || string(said.Details) != fmt.Sprintf(`{"n":%d}`, n) || n < last {
					t.Errorf("%s with %s after %d: %v", said.Message, said.Details, last, err)
					return
				}
				last = n
				newest.Store(max(n, newest.Load()))
			}
		})
	}
	for n := 2; n <= versions; n++ {
		change(n)
		require.Eventually(t, func() bool { return newest.Load() == int64(n) }, harness.WaitFor, harness.Tick)
	}
	close(stop)
	wg.Wait()
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), "policies loaded", fmt.Sprintf(`"generation":%d`, versions)))
}

// TestWarnsOfPoliciesThatNobodyAsks loads a helper that is not used, and uses it then.
func TestWarnsOfPoliciesThatNobodyAsks(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", rule("false", "FORBIDDEN", "x"))
	g.WriteFile(t, "policies/helper.rego", "package team\n\nbad if input.request.method == \"POST\"\n")
	require.NoError(t, g.Load(policySetup().Caddyfile()))
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), `"level":"warn"`, "helper.rego: no rule of this file is asked for a decision"))
}
