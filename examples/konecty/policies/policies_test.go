// Package policies_test proves the policies for Konecty: by their own tests, and in the gateway's engine against the
// backend, which checks the same again.
package policies_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
	"github.com/tollgate-gateway/tollgate/examples/konecty/samples"
)

const token = "s3ssion-token-of-the-tests"

func TestRegoTestsPassAndCoverEveryLine(t *testing.T) {
	report, err := policy.Test(t.Context(), []string{"."})
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.Greater(t, len(report.Tests), 25)
	require.Len(t, report.Coverage, 7)
	for _, file := range report.Coverage {
		require.InDelta(t, 100, file.Percent, 0, "%s misses %v", file.File, file.Missed)
	}
}

func TestRegoIsFormattedAndExplained(t *testing.T) {
	var files []string
	for _, pattern := range []string{"konecty/*/*.rego", "tollgate/authz/*.rego"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		formatted, err := format.Source(file, text)
		require.NoError(t, err)
		require.Equal(t, string(formatted), string(text), file)
		module, err := ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{ProcessAnnotation: true})
		require.NoError(t, err)
		folder := strings.ReplaceAll(filepath.Dir(file), string(filepath.Separator), ".")
		require.Equal(t, "package "+folder, strings.TrimSuffix(module.Package.String(), "_test"), file)
		requireCodes(t, file, module)
	}
}

// requireCodes requires that METADATA names the code of every public rule.
func requireCodes(t *testing.T, file string, module *ast.Module) {
	t.Helper()
	coded := map[string]bool{}
	for _, annotation := range module.Annotations {
		if annotation.Scope == "rule" && annotation.Custom["code"] != nil {
			coded[annotation.GetTargetPath().String()] = true
		}
	}
	for _, rule := range module.Rules {
		name := string(rule.Head.Ref()[0].Value.(ast.Var))
		if !strings.HasPrefix(name, "_") && !strings.HasSuffix(file, "_test.rego") {
			require.True(t, coded[module.Package.Path.String()+"."+name], "%s: %s has no METADATA with its code", file, name)
		}
	}
}

// TestTheMetadataIsTheBackends keeps the data of the policies equal to what the backend says of its modules.
func TestTheMetadataIsTheBackends(t *testing.T) {
	text, err := os.ReadFile("konecty/modules.json")
	require.NoError(t, err)
	var stored struct {
		Modules map[string]struct{ Fields map[string]json.RawMessage }
	}
	require.NoError(t, json.Unmarshal(text, &stored))
	modules, err := crm.Modules()
	require.NoError(t, err)
	require.Len(t, stored.Modules, len(modules))
	for _, m := range modules {
		require.Len(t, stored.Modules[m.Name].Fields, len(m.Fields)+1, "%s, and _merge", m.Name)
		for _, f := range m.Fields {
			var known crm.Field
			text := stored.Modules[m.Name].Fields[f.Name]
			label := regexp.MustCompile(`"label": "[^"]*",`).ReplaceAll(text, nil)
			require.NoError(t, json.Unmarshal(label, &known), "%s", label)
			known.Label = f.Label
			require.Equal(t, f, known, m.Name)
		}
	}
}

// gateway asks the policies as the gateway does.
type gateway struct {
	t      testing.TB
	engine *policy.Engine
}

func newGateway(t testing.TB) gateway { return gatewayWith(t, ".") }

// gatewayWith loads the policies from a folder.
func gatewayWith(t testing.TB, folder string) gateway {
	t.Helper()
	// A hundred times the gateway's time, for busy machines and the race detector.
	engine, err := policy.New(t.Context(), policy.Options{Paths: []string{folder}, Timeout: 10 * time.Second})
	require.NoError(t, err)
	return gateway{t, engine}
}

// everything are all scopes, with those that no wildcard reaches.
var everything = []record.Scope{"konecty.*", "konecty.User.create"}

var create = &route.Route{Methods: []string{"POST"}, Pattern: "/rest/data/:document", Scopes: []string{"konecty.:document.create"}}

// decide judges a body, which is absent if it is empty, as one of a key with these scopes.
func (g gateway) decide(document, body string, scopes ...record.Scope) policy.Decision {
	g.t.Helper()
	in := &policy.Input{Facts: policy.Facts{Method: "POST", Host: "api.example.com", Path: "/rest/data/" + document},
		Plan:     &record.Plan{Name: "pro"},
		Route:    &route.Match{Route: create, Params: []route.Param{{Name: "document", Value: document}}, Scopes: []string{"konecty." + document + ".create"}},
		Identity: &record.Identity{Key: &record.Key{ID: "k", Scopes: scopes}, Workspace: &record.Workspace{ID: "ws_acme"}},
	}
	if in.HasBody = body != ""; in.HasBody {
		decoder := json.NewDecoder(strings.NewReader(body))
		decoder.UseNumber() // as the gateway does
		require.NoError(g.t, decoder.Decode(&in.Body), body)
	}
	decision, err := g.engine.Decide(g.t.Context(), in)
	require.NoError(g.t, err, body[:min(len(body), 200)])
	return decision
}

// accepts sends a body to the backend past the gateway.
func accepts(t *testing.T, server *crm.Server, document, body string) bool {
	t.Helper()
	r := httptest.NewRequest("POST", "/rest/data/"+document, strings.NewReader(body))
	r.Header.Set("Authorization", token)
	r.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, r)
	require.Equal(t, 200, recorder.Code, recorder.Body)
	return strings.HasPrefix(recorder.Body.String(), `{"success":true,`)
}

// all are the samples, a quarter of them in the short form, and those that the backend takes and the skill forbids.
func all(t *testing.T) (list, strict []samples.Sample) {
	t.Helper()
	modules, err := crm.Modules()
	require.NoError(t, err)
	for i, s := range samples.Of(modules) {
		if harness.Long() || i/2%4 == 0 {
			list = append(list, s)
		}
	}
	require.Greater(t, len(list), 600)
	return list, samples.Strict(modules)
}

func TestPolicyAndBackendAgree(t *testing.T) {
	g := newGateway(t)
	list, strict := all(t)
	for _, s := range list {
		body, err := json.Marshal(s.Payload)
		require.NoError(t, err)
		decision := g.decide(s.Document, string(body), everything...)
		require.Equal(t, s.Valid, decision.Allow, "%s.%s %s: %v", s.Document, s.Field, body, decision.Details)
		if !s.Valid {
			require.Equal(t, policy.ValidationError, decision.Code)
			require.Len(t, decision.Details, 1, "%s: %v", body, decision.Details)
			require.NotEmpty(t, decision.Details[s.Field], "%s: %v", body, decision.Details)
		}
	}
	for _, s := range strict {
		body, err := json.Marshal(s.Payload)
		require.NoError(t, err)
		require.Contains(t, g.decide(s.Document, string(body), everything...).Details, s.Field, "%s", body)
	}
}

// TestWithBareMetadataNothingIsRefusedThatTheBackendTakes has only what the explorer says of the modules.
func TestWithBareMetadataNothingIsRefusedThatTheBackendTakes(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(".")))
	text, err := os.ReadFile("konecty/modules.json")
	require.NoError(t, err)
	var data struct {
		Modules map[string]struct {
			Document string                    `json:"document"`
			Fields   map[string]map[string]any `json:"fields"`
		} `json:"modules"`
	}
	require.NoError(t, json.Unmarshal(text, &data))
	for _, m := range data.Modules {
		for _, f := range m.Fields {
			maps.DeleteFunc(f, func(name string, _ any) bool {
				return !slices.Contains([]string{"name", "type", "label", "options", "document", "descriptionFields"}, name)
			})
		}
	}
	text, err = json.Marshal(map[string]any{"modules": data.Modules})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "konecty", "modules.json"), text, 0o600))
	g := gatewayWith(t, folder)
	list, strict := all(t)
	refused, wrong := 0, 0
	for _, s := range list {
		body, err := json.Marshal(s.Payload)
		require.NoError(t, err)
		decision := g.decide(s.Document, string(body), everything...)
		if s.Valid {
			require.True(t, decision.Allow, "%s.%s %s: %v", s.Document, s.Field, body, decision.Details)
			continue
		}
		wrong++
		if !decision.Allow {
			require.Contains(t, decision.Details, s.Field, "%s", body)
			refused++
		}
	}
	t.Logf("bare metadata tells %d of %d wrong values", refused, wrong)
	require.Greater(t, refused*10, wrong*7, "most of what is wrong is wrong whatever the bounds")
	for _, s := range strict {
		body, err := json.Marshal(s.Payload)
		require.NoError(t, err)
		require.Contains(t, g.decide(s.Document, string(body), everything...).Details, s.Field, "%s", body)
	}
}

func TestPolicyAndBackendAgreeOnBodies(t *testing.T) {
	g := newGateway(t)
	server, err := crm.New(crm.Options{Token: token})
	require.NoError(t, err)
	for _, body := range []string{"null", "7", `"name"`, "[]", `[{"name": {"first": "Ana"}}]`, "{}", `{"name": null, "notes": ""}`,
		`{"name": {"first": "Ana"}, "__proto__": null}`, `{"name": {"first": "Ana"}, "email": {"address": "a@b.com"}}`} {
		require.Equal(t, accepts(t, server, "Contact", body), g.decide("Contact", body, "konecty.*").Allow, body)
	}
	require.False(t, g.decide("Invoice", `{"name": "x"}`, "konecty.*").Allow)
	require.False(t, accepts(t, server, "Invoice", `{"name": "x"}`))
}

func TestWhetherARecordExistsIsTheBackendsAffair(t *testing.T) {
	g := newGateway(t)
	server, err := crm.New(crm.Options{Token: token})
	require.NoError(t, err)
	body := `{"name": {"first": "Ana"}, "campaign": {"_id": "nobody"}}`
	require.True(t, g.decide("Contact", body, "konecty.*").Allow)
	require.False(t, accepts(t, server, "Contact", body))
}

func TestScopesComeFirst(t *testing.T) {
	g := newGateway(t)
	require.True(t, g.decide("Contact", `{"name": {"first": "Ana"}}`, "konecty.Contact.create").Allow)
	for _, document := range []string{"Message", "Invoice"} {
		decision := g.decide(document, `{"x": 1}`, "konecty.Contact.create")
		require.Equal(t, policy.Forbidden, decision.Code)
		require.Equal(t, map[string]any{"missing_scopes": []any{"konecty." + document + ".create"}}, decision.Details)
	}
}

// TestNoBodyIsTooMuchForTheTime counts allocations, which say on any machine how much is done for each element of a
// body: reading it costs a few, judging it many more.
func TestNoBodyIsTooMuchForTheTime(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates on its own: the run without it counts")
	}
	g := newGateway(t)
	const elements = 20_000
	var unknown strings.Builder
	for i := range elements {
		fmt.Fprintf(&unknown, `"x%d":1,`, i)
	}
	for name, fields := range map[string]string{
		"unknown fields": unknown.String() + `"x": 1`,
		"a long list":    `"tags": [` + strings.Repeat(`"x",`, elements) + `"x"]`,
		"many keys":      `"type": [` + strings.Repeat(`"client",`, elements) + `"client"]`,
		"deep within":    `"notes": [` + strings.Repeat(`["x"],`, elements) + `1]`,
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"name": {"first": "Ana"}, ` + fields + `}`
			n := testing.AllocsPerRun(1, func() { require.False(t, g.decide("Contact", body, "konecty.*").Allow) })
			t.Logf("%.1f allocations for each element", n/elements)
			require.Less(t, n/elements, 18.0)
		})
	}
}

func BenchmarkDecision(b *testing.B) {
	g := newGateway(b)
	element := func(s string) string { return strings.Repeat(s+",", 199) + s }
	b.Run("a module of 60 fields", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.True(b, g.decide("Specimen", `{"text": "x", "level": 7, "mail": {"address": "a@b.com"}}`, "konecty.*").Allow)
		}
	})
	for name, body := range map[string]string{
		"usual": `{"name": {"first": "Ana", "last": "Silva"}, "type": ["client"], "email": [{"address": "a@b.com"}], "birthday": "1990-02-28"}`,
		"longest lists": `{"name": {"first": "Ana"}, "email": [` + element(`{"address": "a@b.com"}`) + `], "address": [` + element(`{}`) +
			`], "phone": [` + element(`{"countryCode": 55, "phoneNumber": "11999999999"}`) + `]}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.True(b, g.decide("Contact", body, "konecty.*").Allow)
			}
		})
	}
}
