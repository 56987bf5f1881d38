package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// answered is a document that describes answers, of a route with a key and of a public one.
const answered = `openapi: 3.1.0
paths:
  /leads: {get: {responses: {'200': {$ref: '#/components/responses/Leads'}}}}
  /open: {get: {security: [], responses: {2XX: {$ref: '#/components/responses/Leads'}}}}
  /free: {get: {}}
components:
  responses: {Leads: {content: {application/json: {schema: {type: object, required: [total], properties: {total: {type: integer},
    leads: {type: array, items: {type: object, additionalProperties: {type: string}}}}}}}}}
`

// answering is a gateway that holds answers against the document.
func answering(t *testing.T, more string) *harness.Gateway {
	t.Helper()
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "openapi.yaml", answered)
	setup := harness.World()
	setup.Gate = "openapi openapi.yaml {\nresponses log\npublic\n}\npublic GET /metrics\n" + more
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	require.NoError(t, g.Load(setup.Caddyfile()))
	return g
}

// checked is how many answers of a route have that result.
func checked(t *testing.T, g *harness.Gateway, route, result string) string {
	t.Helper()
	text := harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, `tollgate_responses_checked_total{result="`+result+`",route="`+route+`"}`)
	_, count, _ := strings.Cut(strings.TrimSpace(text), "} ")
	return count
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// TestAnswersAreHeldAgainstTheDocument: counted and logged, never changed.
func TestAnswersAreHeldAgainstTheDocument(t *testing.T) {
	g := answering(t, "")
	for name, c := range map[string]struct {
		path, method, kind, coding, body string
		status                           int
		result, field                    string
	}{
		"as described":      {"/leads", "GET", "application/json", "", `{"total":1}`, 200, "as_described", ""},
		"of a public route": {"/open", "GET", "application/json", "", `{"total":"1"}`, 201, "broken", "total: Expected integer"},
		"broken":            {"/leads", "GET", "application/json", "", `{"leads":[{"ada@example.com":7}]}`, 200, "broken", "leads.0.*: Expected string"},
		"encoded":           {"/leads", "GET", "application/json", "gzip", zipped(`{"total":"words"}`), 200, "broken", "total: Expected integer"},
		"another kind":      {"/leads", "GET", "text/html", "", "<p>", 200, "broken", "Content-Type: Must be one of: application/json"},
		"undeclared":        {"/leads", "GET", "text/html", "", "<p>", 202, "undeclared_status", ""},
		"an error":          {"/leads", "GET", "application/json", "", `{"error":"no such lead"}`, 404, "undeclared_status", ""},
		"HEAD":              {"/leads", "HEAD", "application/json", "", "", 200, "as_described", ""},
		"too large":         {"/leads", "GET", "application/json", "", `{"total":1` + strings.Repeat(" ", 256<<10) + "}", 200, "too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				if c.coding != "" {
					w.Header().Set("Content-Encoding", c.coding)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			before, logged := checked(t, g, c.path, c.result), len(g.ReadFile(t, "caddy.log"))
			r := harness.Request{Method: c.method, Path: c.path, Header: harness.Header("Accept-Encoding", "gzip")}
			if c.path != "/open" {
				r.Key = harness.CRM
			}
			a := g.Do(t, r)
			require.Equal(t, c.status, a.Status)
			if c.status < 400 {
				require.Equal(t, strings.Replace(c.body, zipped(`{"total":"words"}`), `{"total":"words"}`, 1), a.Body, "the client gets it as it came")
			}
			require.Eventually(t, func() bool { return checked(t, g, c.path, c.result) != before }, harness.WaitFor, harness.Tick)
			if c.result != "broken" && c.result != "undeclared_status" {
				return
			}
			require.Eventually(t, func() bool {
				return harness.Contains(g.ReadFile(t, "caddy.log")[logged:], "http.handlers.tollgate.responses", "answer is not as the document describes it", c.field, `"route":"`+c.path+`"`, "openapi.yaml:")
			}, harness.WaitFor, harness.Tick)
		})
	}
	require.NotContains(t, g.ReadFile(t, "caddy.log"), "ada@example.com")
	require.Empty(t, checked(t, g, "/free", "as_described"), "what the document says nothing of is not looked at")
}

// TestAnswersGoByAsTheyCome: the beginning of an answer reaches the client while the backend still writes, and one that breaks off counts so.
func TestAnswersGoByAsTheyCome(t *testing.T) {
	g := answering(t, "")
	before, more := checked(t, g, "/leads", "cut"), make(chan struct{})
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"total":`)
		_ = http.NewResponseController(w).Flush()
		<-more
		panic(http.ErrAbortHandler)
	})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+g.Addr+"/leads", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+harness.CRM)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	beginning := make([]byte, len(`{"total":`))
	_, err = io.ReadFull(answer.Body, beginning)
	require.NoError(t, err)
	require.Equal(t, `{"total":`, string(beginning))
	close(more)
	_, err = io.ReadAll(answer.Body)
	require.Error(t, err)
	require.Eventually(t, func() bool { return checked(t, g, "/leads", "cut") != before }, harness.WaitFor, harness.Tick)
}

// TestSoftFailuresAndAnswers: a success that is held back for a moment is checked, and one that becomes an error of ours is not read.
func TestSoftFailuresAndAnswers(t *testing.T) {
	g := answering(t, "errors {\nsoft_failures\n}\n")
	for body, want := range map[string]string{`{"total":"1"}`: "broken", `{"success":false}`: "undeclared_status"} {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		})
		before := checked(t, g, "/leads", want)
		a := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
		require.Equal(t, want == "broken", a.Status == 200)
		require.True(t, json.Valid([]byte(a.Body)))
		require.Eventually(t, func() bool { return checked(t, g, "/leads", want) != before }, harness.WaitFor, harness.Tick, want)
	}
}
