// Package meter holds the gateway's metrics. Every label's values come from the configuration or from a closed set: no
// caller, no key and no backend can make new ones. They are named in the README, under "Observe".
package meter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// Meters are those of a process. They are built once: Caddy's registry is new for every configuration, and counts go on
// over reloads.
type Meters struct {
	// PoliciesLoaded is when policies were last loaded, in Unix seconds, and PolicyLoadFailures how often they could not be.
	PoliciesLoaded     prometheus.Gauge
	PolicyLoadFailures prometheus.Counter
	// DecisionsLeftOut counts the lines that the decision log had no room for.
	DecisionsLeftOut prometheus.Counter
	// QuotaWarnings counts the workspaces that used so much of a quota that their plan warns, by plan and period.
	QuotaWarnings *prometheus.CounterVec

	answers  *prometheus.CounterVec
	routes   patterns
	tools    *prometheus.CounterVec
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	verdicts *prometheus.CounterVec
	upstream *prometheus.HistogramVec
	unread   *prometheus.CounterVec
	keys     keyMeters
	policies policyMeters
	byStep   [gate.Steps]prometheus.Observer
	bySource [len(limits.Sources)]prometheus.Counter
}

// New makes them.
func New() *Meters {
	m := &Meters{
		PoliciesLoaded:     gauge("policies_loaded_timestamp_seconds", "When the policies that decide now were loaded, in Unix seconds."),
		PolicyLoadFailures: counter("policy_load_failures_total", "Changes of the policies on disk that could not be loaded."),
		DecisionsLeftOut:   counter("decision_lines_left_out_total", "Lines of the decision log that were left out because there were more than 1,000 in a second."),
		QuotaWarnings:      counters("quota_warnings_total", "Workspaces that used so much of a quota that their plan warns, once in a period, by plan and period.", "plan", "period"),
		answers:            counters("responses_checked_total", "Answers that were held against the site's OpenAPI document, by route pattern and result: as_described, broken, undeclared_status, or not checked because they are too_large, encoded, cut, or the gateway was busy or failed.", "route", "result"),
		requests:           counters("requests_total", "Requests by route pattern, plan, error code (ok: none) and source of the answer.", "route", "plan", "code", "source"),
		tools:              counters("mcp_calls_total", "Calls of MCP tools, by the route pattern of the tool and error code (ok: none). Their requests are counted with all others as well.", "route", "code"),
		refusals:           counters("refusals_total", "Requests that the gateway itself refused, by reason.", "reason"),
		verdicts:           counters("limit_verdicts_total", "Verdicts about limits, by where they came from: memory, redis, remembered (over until reset) or local (redis away).", "source"),
		unread:             counters("backend_errors_not_understood_total", "Errors of the backend, 4xx and soft failures, of which nothing was understood, by route pattern and what the body is: json, html or other.", "route", "body"),
		steps:              histograms("step_seconds", "Seconds that each step of the gate took.", []float64{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1}, "step"),
		upstream:           histograms("upstream_seconds", "Seconds until the backend's answer began, or failed to, by route pattern.", []float64{1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}, "route"),
		keys:               newKeyMeters(),
		policies:           newPolicyMeters(),
	}
	for step := range gate.Steps {
		m.byStep[step] = m.steps.WithLabelValues(step.String())
	}
	for source := range m.bySource {
		m.bySource[source] = m.verdicts.WithLabelValues(limits.Source(source).String())
	}
	return m
}

const namespace = "tollgate"

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// tracker is a counter engine that knows for how many workspaces it counts.
type tracker interface{ Tracked() int }

// Collectors are the process's metrics, and those of one configuration's key cache and counter engine.
func (m *Meters) Collectors(cache Cache, engine any) []prometheus.Collector {
	collectors := []prometheus.Collector{
		m.requests, m.tools, m.refusals, m.steps, m.verdicts, m.upstream, m.unread, m.DecisionsLeftOut, m.QuotaWarnings, m.answers,
		m.PoliciesLoaded, m.PolicyLoadFailures, m.policies.decisions, m.policies.seconds,
		m.keys.lookups, m.keys.seconds, cache,
	}
	if t, ok := engine.(tracker); ok {
		collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "tracked_workspaces", Help: "Workspaces with a running window in this gateway's memory.",
		}, func() float64 { return float64(t.Tracked()) }))
	}
	return collectors
}

// Answered counts an answer that was held against the document of its route.
func (m *Meters) Answered(pattern, result string) {
	m.answers.WithLabelValues(m.routes.label(pattern), result).Inc()
}

// Request is one request that came to its end.
type Request struct {
	Verdict *gate.Verdict
	// Code is the error's; empty: there was none. Source is who is behind the answer.
	Code, Source string
	// Reason is why the gateway refused; empty: it did not.
	Reason string
	// Unread is what a backend's error is of which nothing was understood; empty: there was none.
	Unread string
	// Tool says that it is the request of an MCP tool, or would have been.
	Tool bool
	// Upstream is how long it took until the backend's answer began; 0: it was not asked.
	Upstream time.Duration
}

// Count records a request.
func (m *Meters) Count(r *Request) {
	v, plan, code := r.Verdict, "none", r.Code
	route := m.route(v)
	if v.Plan != nil {
		if plan = v.Plan.Name; v.Plan.Unknown {
			plan = "unknown"
		}
	}
	if code == "" {
		code = "ok"
	}
	m.requests.WithLabelValues(route, plan, code, r.Source).Inc()
	if r.Tool {
		m.tools.WithLabelValues(route, code).Inc()
	}
	if r.Reason != "" {
		m.refusals.WithLabelValues(r.Reason).Inc()
	}
	if r.Unread != "" {
		m.unread.WithLabelValues(route, r.Unread).Inc()
	}
	if r.Upstream > 0 {
		m.upstream.WithLabelValues(route).Observe(r.Upstream.Seconds())
	}
	if v.Counted {
		m.bySource[v.Charged].Inc()
	}
	for step, took := range v.Took {
		if took > 0 {
			m.byStep[step].Observe(took.Seconds())
		}
	}
}

func (m *Meters) route(v *gate.Verdict) string {
	if v.Match.Route == nil {
		return "none"
	}
	return m.routes.label(v.Match.Route.Pattern)
}
