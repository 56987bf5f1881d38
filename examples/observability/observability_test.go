// Package observability_test holds the dashboard and the rules of this folder against a real Prometheus, which scrapes a
// real gateway.
package observability_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestEveryAlertFires runs the unit tests of the rules.
func TestEveryAlertFires(t *testing.T) {
	t.Parallel()
	said, err := exec.Command(services.Binary(t, "promtool"), "test", "rules", "rules_test.yml").CombinedOutput()
	require.NoError(t, err, "%s", said)
	tests, err := os.ReadFile("rules_test.yml")
	require.NoError(t, err)
	for _, rule := range rules(t) {
		if rule.Alert != "" {
			require.Equal(t, 2, strings.Count(string(tests), "alertname: "+rule.Alert), "%s: silent before, and firing", rule.Alert)
		}
	}
}

// TestEveryQueryHasAnAnswer puts a gateway under all kinds of load, lets Prometheus scrape it, and asks every query.
func TestEveryQueryHasAnAnswer(t *testing.T) {
	redis := services.Redis(t)
	g := gatewayUnderWatch(t, redis)
	ask := prometheus(t, g.Addr)
	load(t, g)
	redis.Kill() // the gateway counts locally from now on
	var silent []string
	for _, query := range queries(t) {
		if !answers(t, g, ask, query) {
			silent = append(silent, query)
		}
	}
	require.Empty(t, silent, "queries that no series answers")
}

// answers reports whether a series answers the query, within a time in which Prometheus scrapes often.
func answers(t *testing.T, g *harness.Gateway, ask func(string) int, query string) bool {
	t.Helper()
	for deadline := time.Now().Add(harness.WaitFor); time.Now().Before(deadline); {
		if ask(query) > 0 {
			return true
		}
		load(t, g)
	}
	return false
}

// gatewayUnderWatch is a gateway that counts in Redis and shows its metrics.
func gatewayUnderWatch(t *testing.T, redis *services.RedisServer) *harness.Gateway {
	t.Helper()
	setup := harness.World()
	setup.Options += fmt.Sprintf("\nplan small 2/1h\nplan metered 100000/1m {\nquota 2/day\nover allow\nwarn 50%%\n}\ncounters redis %s\nusage sqlite $DIR/usage.db\n", redis.URL())
	setup.Keys += "\n  - {id: ws_small, plan: small, keys: [{id: key_small, name: s, sha256: $SHA(small-secret-0123456789)}]}" +
		"\n  - {id: ws_metered, plan: metered, keys: [{id: key_metered, name: m, scopes: [agent.leads.read], sha256: $SHA(metered-secret-0123456789)}]}\n"
	setup.Gate += "public GET /metrics\nopenapi $DIR/openapi.yaml {\nresponses log\n}\nmcp /mcp\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", setup.Keys)
	g.WriteFile(t, "openapi.yaml", "openapi: 3.1.0\npaths: {/told: {get: {operationId: told, responses: {200: {content: {application/json: {schema: {type: object}}}}}}}}\n")
	require.NoError(t, g.Load(setup.Caddyfile()))
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/leads/failing":
			w.WriteHeader(http.StatusInternalServerError)
		case "/told":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`[]`))
		case "/leads/strange":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"retcode": 7}`))
		}
	})
	return g
}

// load makes requests of all kinds.
func load(t *testing.T, g *harness.Gateway) {
	t.Helper()
	for _, key := range []string{"", harness.CRM, harness.Unknown, harness.Expired, harness.Denied, "small-secret-0123456789", "metered-secret-0123456789"} {
		for _, path := range []string{"/leads", "/leads/failing", "/leads/strange", "/files/a", "/plain", "/nothing", "/public"} {
			g.Do(t, harness.Request{Path: path, Key: key})
		}
	}
	g.Do(t, harness.Request{Path: "/told", Key: harness.CRM}) // the document says that it is an object, and the backend sends a list
	g.Do(t, harness.Request{
		Method: http.MethodPost, Path: "/mcp", Key: harness.CRM, Body: `{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "told"}}`,
		Header: harness.Header("Content-Type", "application/json", "Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2025-11-25"),
	})
}

// prometheus runs one that scrapes the gateway every second by the configuration of this folder. Asking it gives the
// number of series that answer a query.
func prometheus(t *testing.T, target string) (ask func(query string) int) {
	t.Helper()
	dir, address := t.TempDir(), services.Address(services.FreePort(t))
	config, err := os.ReadFile("prometheus.yml")
	require.NoError(t, err)
	folder, err := os.Getwd()
	require.NoError(t, err)
	text := strings.NewReplacer("15s", "1s", "localhost:2019", target, "- rules.yml", "- "+filepath.Join(folder, "rules.yml")).Replace(string(config))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(text), 0o600))
	server := exec.Command(services.Binary(t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	server.Stderr = os.Stderr
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
	})
	services.Wait(t, "prometheus", func() bool {
		answer, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	})
	return func(query string) int {
		answer, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		var result struct {
			Status, Error string
			Data          struct{ Result []json.RawMessage }
		}
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&result))
		require.Equal(t, "success", result.Status, "%s: %s", query, result.Error)
		return len(result.Data.Result)
	}
}

// rule is one of rules.yml.
type rule struct{ Record, Alert, Expr string }

func rules(t *testing.T) (list []rule) {
	t.Helper()
	text, err := os.ReadFile("rules.yml")
	require.NoError(t, err)
	var file struct{ Groups []struct{ Rules []rule } }
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Groups {
		list = append(list, group.Rules...)
	}
	require.NotEmpty(t, list)
	return list
}

// selector is one in a query: a metric, perhaps with labels.
var selector = regexp.MustCompile(`tollgate[_:][\w:]+(\{[^}]*\})?`)

// queries are those of the dashboard and of the recording rules. An alert has an answer only when something is wrong: of
// alerts they are what they look at.
func queries(t *testing.T) (list []string) {
	t.Helper()
	for _, rule := range rules(t) {
		if rule.Record != "" {
			list = append(list, rule.Record, rule.Expr)
			continue
		}
		looksAt := selector.FindAllString(rule.Expr, -1)
		require.NotEmpty(t, looksAt, rule.Alert)
		list = append(list, looksAt...)
	}
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			list = append(list, strings.NewReplacer("$__rate_interval", "30s", "$instance", ".+").Replace(target.Expr))
		}
	}
	return list
}
