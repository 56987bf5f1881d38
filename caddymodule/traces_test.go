package caddymodule_test

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// traces receives what Caddy exports by OTLP over HTTP.
type traces struct {
	mu    sync.Mutex
	raw   []byte
	spans []*tracepb.Span
}

// collectTraces lets Caddy's handler "tracing" export to the test.
func collectTraces(t *testing.T) *traces {
	t.Helper()
	c := new(traces)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(body)
		}
		raw, err := io.ReadAll(body)
		var request collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(raw, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.add(raw, &request)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	return c
}

func (c *traces) add(raw []byte, request *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, raw...)
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

// of gives the spans of a trace by name. The request's own, which ends last, is there.
func (c *traces) of(t *testing.T, trace string) map[string]*tracepb.Span {
	t.Helper()
	byName := map[string]*tracepb.Span{}
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, span := range c.spans {
			if hex.EncodeToString(span.TraceId) == trace {
				byName[span.Name] = span
			}
		}
		return byName["request"] != nil
	}, harness.WaitFor, harness.Tick)
	return byName
}

// attributes are those of a span that are ours, without their prefix.
func attributes(span *tracepb.Span) map[string]any {
	own := map[string]any{}
	for _, a := range span.Attributes {
		name, ours := strings.CutPrefix(a.Key, "tollgate.")
		if !ours {
			continue
		}
		own[name] = a.Value.GetStringValue()
		if name == "remembered" {
			own[name] = a.Value.GetBoolValue()
		}
	}
	return own
}

// traced is the world with Caddy's tracing in front of the gate.
func traced() harness.Setup {
	setup := harness.World()
	setup.Options += "\nplan small 1/1h"
	setup.Keys += "\n  - {id: ws_small, plan: small, keys: [{id: key_small, name: s, sha256: $SHA(small-secret-0123456789)}]}\n"
	setup.Before = "tracing {\n span request\n}"
	setup.Gate += "decisions all\n"
	return setup
}

func TestTracesTellTheStepsOfTheGate(t *testing.T) {
	collected := collectTraces(t)
	g := harness.Start(t, traced())
	const small = "small-secret-0123456789"
	type spans = map[string]map[string]any
	step := func(more ...string) map[string]any {
		own := map[string]any{}
		for i := 0; i < len(more); i += 2 {
			own[more[i]] = more[i+1]
		}
		return own
	}
	policy := func(remembered bool, more ...string) map[string]any {
		own := step(more...)
		own["remembered"] = remembered
		return own
	}
	big, tiny := []string{"route", "/plain", "plan", "big"}, []string{"route", "/plain", "plan", "small"}
	with := func(some []string, more ...string) []string { return append(append([]string{}, some...), more...) }
	for _, c := range []struct {
		name    string
		request harness.Request
		status  int
		want    spans
	}{
		{"passes", harness.Request{Path: "/plain?q=query-words", Key: harness.CRM}, 200, spans{
			"request":               step(with(big, "decision", "allowed")...),
			"tollgate.authenticate": step(big...), "tollgate.policy": policy(false, big...), "tollgate.limit": step(with(big, "source", "memory")...),
			"tollgate.upstream": step(with(big, "source", "backend")...),
		}},
		{"passes again", harness.Request{Path: "/plain", Key: small}, 200, spans{
			"request":               step(with(tiny, "decision", "allowed")...),
			"tollgate.authenticate": step(tiny...), "tollgate.policy": policy(false, tiny...), "tollgate.limit": step(with(tiny, "source", "memory")...),
			"tollgate.upstream": step(with(tiny, "source", "backend")...),
		}},
		{"over its limit", harness.Request{Path: "/plain", Key: small}, 429, spans{
			"request":               step(with(tiny, "decision", "refused", "code", "RATE_LIMITED", "reason", "over_limit")...),
			"tollgate.authenticate": step(tiny...), "tollgate.policy": policy(true, tiny...),
			"tollgate.limit": step(with(tiny, "source", "memory", "code", "RATE_LIMITED", "reason", "over_limit")...),
		}},
		{"lacks a scope", harness.Request{Path: "/files/path-words", Key: harness.CRM}, 403, spans{
			"request":               step("route", "/files/*", "plan", "big", "decision", "refused", "code", "FORBIDDEN", "reason", "missing_scope"),
			"tollgate.authenticate": step("route", "/files/*", "plan", "big"),
			"tollgate.policy":       policy(false, "route", "/files/*", "plan", "big", "code", "FORBIDDEN", "reason", "missing_scope"),
		}},
		{"expired", harness.Request{Path: "/plain", Key: harness.Expired}, 401, spans{
			"request":               step("route", "/plain", "plan", "none", "decision", "refused", "code", "UNAUTHORIZED", "reason", "expired"),
			"tollgate.authenticate": step("route", "/plain", "plan", "none", "code", "UNAUTHORIZED", "reason", "expired"),
		}},
		{"public", harness.Request{Path: "/public"}, 200, spans{
			"request":           step("route", "/public", "plan", "none", "decision", "public"),
			"tollgate.upstream": step("route", "/public", "plan", "none", "source", "backend"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.Do(t, c.request)
			require.Equal(t, c.status, a.Status, a.Body)
			line := harness.AccessLine(t, g, a.Header.Get("X-Request-Id"))
			trace, _ := line["trace_id"].(string)
			require.Len(t, trace, 32, "the access log names the trace")
			require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), `"msg":"decision"`, trace), "and so does the decision log")
			got, found := spans{}, collected.of(t, trace)
			parent := found["request"]
			for name, span := range found {
				got[name] = attributes(span)
				if span != parent {
					require.Equal(t, parent.SpanId, span.ParentSpanId, name)
					require.GreaterOrEqual(t, span.StartTimeUnixNano, parent.StartTimeUnixNano)
					require.LessOrEqual(t, span.EndTimeUnixNano, parent.EndTimeUnixNano)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestNoSecretInWhatOperatorsSee greps the world's secrets, and what callers sent, in traces, metrics and logs.
func TestNoSecretInWhatOperatorsSee(t *testing.T) {
	collected := collectTraces(t)
	setup := watched()
	setup.Before, setup.Gate = traced().Before, setup.Gate+"decisions all\nroute POST /bodies {\n body 1KiB\n}\n"
	g := harness.Start(t, setup)
	text := everything(t, g)
	a := g.Do(t, harness.Request{
		Method: "POST", Path: "/bodies", Key: harness.CRM, Body: `{"name": "body-words"}`, Header: harness.Header("Content-Type", "application/json", "Cookie", "cookie-words"),
	})
	line := harness.AccessLine(t, g, a.Header.Get("X-Request-Id"))
	collected.of(t, line["trace_id"].(string))
	collected.mu.Lock()
	defer collected.mu.Unlock()
	ours := ""
	for line := range strings.Lines(g.ReadFile(t, "caddy.log")) {
		if strings.Contains(line, "tollgate") {
			ours += line
		}
	}
	seen := map[string]string{"traces": string(collected.raw), "metrics": text, "log": ours, "access log": g.ReadFile(t, "access.log")}
	for what, text := range seen {
		require.Contains(t, text, "missing_scope", what)
		for _, secret := range []string{
			harness.CRM, harness.Reader, harness.Unscoped, harness.Wildcard, harness.Disabled, harness.Expired, harness.Denied,
			harness.Nowhere, harness.Elsewhere, harness.Globex, harness.Unknown, "body-words", "cookie-words",
		} {
			require.NotContains(t, text, secret, what)
		}
		if what == "metrics" || what == "log" {
			require.NotContains(t, text, "asked-words", what)
		}
	}
	for _, span := range collected.spans {
		if strings.HasPrefix(span.Name, "tollgate.") {
			require.NotContains(t, span.String(), "words", "no path and no query in the spans of the gateway")
		}
	}
}
