package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// metrics are the gateway's on Caddy's registry. Every label's values come from the configuration or from a closed set:
// no caller and no backend can make new ones.
type metrics struct {
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	verdicts *prometheus.CounterVec
	unread   *prometheus.CounterVec
	byStep   [gate.Steps]prometheus.Observer
	bySource [len(limits.Sources)]prometheus.Counter
}

// meters are built once: Caddy's registry is new for every configuration, and counts go on over reloads.
var meters = newMetrics()

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tollgate", Name: "requests_total",
			Help: "Requests by route pattern, plan, error code (ok: none) and source of the answer.",
		}, []string{"route", "plan", "code", "source"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tollgate", Name: "refusals_total",
			Help: "Requests that the gateway itself refused, by reason.",
		}, []string{"reason"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "tollgate", Name: "step_seconds",
			Help:    "Seconds that each step of the gate took.",
			Buckets: []float64{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1},
		}, []string{"step"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tollgate", Name: "limit_verdicts_total",
			Help: "Verdicts about limits, by where they came from: memory, redis, remembered (over until reset) or local (redis away).",
		}, []string{"source"}),
	}
	m.unread = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "tollgate", Name: "backend_errors_not_understood_total",
		Help: "Errors of the backend, 4xx and soft failures, of which nothing was understood, by route pattern and what the body is: json, html or other.",
	}, []string{"route", "body"})
	for step := range gate.Steps {
		m.byStep[step] = m.steps.WithLabelValues(step.String())
	}
	for source := range m.bySource {
		m.bySource[source] = m.verdicts.WithLabelValues(limits.Source(source).String())
	}
	return m
}

// tracker is a counter engine that knows for how many workspaces it counts.
type tracker interface{ Tracked() int }

// register puts the collectors on a configuration's registry, with a gauge of the configuration's own engine.
func (m *metrics) register(registry *prometheus.Registry, engine CounterEngine) error {
	collectors := []prometheus.Collector{m.requests, m.refusals, m.steps, m.verdicts, m.unread}
	if t, ok := engine.(tracker); ok {
		collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "tollgate", Name: "tracked_workspaces", Help: "Workspaces with a running window in this gateway's memory.",
		}, func() float64 { return float64(t.Tracked()) }))
	}
	return pool.Register(registry, collectors...)
}

// count records one request that came to its end.
func (m *metrics) count(v *gate.Verdict, code, source, reason string) {
	route, plan := "none", "none"
	if v.Match.Route != nil {
		route = v.Match.Route.Pattern
	}
	if v.Plan != nil {
		if plan = v.Plan.Name; v.Plan.Unknown {
			plan = "unknown"
		}
	}
	m.requests.WithLabelValues(route, plan, code, source).Inc()
	if reason != "" {
		m.refusals.WithLabelValues(reason).Inc()
	}
	if v.Counted {
		m.bySource[v.Charged].Inc()
	}
	for step, took := range v.Took {
		if took > 0 {
			m.byStep[step].Observe(float64(took) / float64(time.Second))
		}
	}
}
