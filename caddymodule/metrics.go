package caddymodule

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
)

// metrics are the gateway's on Caddy's registry. Every label's values come from the configuration or from a closed set:
// no caller and no backend can make new ones.
type metrics struct {
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	policies prometheus.Gauge
	byStep   [gate.Steps]prometheus.Observer
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
	}
	m.policies = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "tollgate", Name: "policies_failing", Help: "1 while the policies on disk cannot be loaded and the last good ones go on.",
	})
	for step := range gate.Steps {
		m.byStep[step] = m.steps.WithLabelValues(step.String())
	}
	return m
}

// register puts the collectors on a configuration's registry. Two handlers of one configuration share it.
func (m *metrics) register(registry *prometheus.Registry) error {
	for _, collector := range append(limitMeters.collectors(), m.requests, m.refusals, m.steps, m.policies) {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(collector); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
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
		limitMeters.bySource[v.Charged].Inc()
	}
	for step, took := range v.Took {
		if took > 0 {
			m.byStep[step].Observe(float64(took) / float64(time.Second))
		}
	}
}
