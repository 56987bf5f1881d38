package caddymodule

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// limitMetrics say where the verdicts about limits come from, and how the store behind them does.
type limitMetrics struct {
	verdicts *prometheus.CounterVec
	bySource [len(limits.Sources)]prometheus.Counter
	calls    prometheus.Counter
	carried  prometheus.Counter
	seconds  prometheus.Histogram
	failures prometheus.Counter
	away     prometheus.GaugeFunc
	tracked  prometheus.GaugeFunc

	engines sync.Map // of the engines in use: tracker → nothing
}

// tracker is an engine that counts for workspaces.
type tracker interface{ Tracked() int }

// limitMeters are built once, like meters.
var limitMeters = newLimitMetrics()

func newLimitMetrics() *limitMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tollgate", Name: name, Help: help})
	}
	m := &limitMetrics{
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tollgate", Name: "limit_verdicts_total",
			Help: "Verdicts about limits, by where they came from: memory, redis, remembered (over until reset) or local (redis away).",
		}, []string{"source"}),
		calls:    counter("redis_calls_total", "Round trips to Redis. Divided by redis_call_requests_total: calls per request."),
		carried:  counter("redis_call_requests_total", "Requests that were judged by a round trip to Redis, shared or their own."),
		failures: counter("redis_errors_total", "Round trips to Redis that failed."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tollgate", Name: "redis_seconds", Help: "Seconds that a round trip to Redis took.",
			Buckets: []float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1, 1},
		}),
	}
	for source := range m.bySource {
		m.bySource[source] = m.verdicts.WithLabelValues(limits.Source(source).String())
	}
	m.away = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tollgate", Name: "redis_breaker_open", Help: "1 while the circuit breaker keeps requests from waiting for Redis.",
	}, m.anyAway)
	m.tracked = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tollgate", Name: "tracked_workspaces", Help: "Workspaces with a running window in this gateway's memory.",
	}, m.allTracked)
	return m
}

func (m *limitMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.verdicts, m.calls, m.carried, m.seconds, m.failures, m.away, m.tracked}
}

// follow adds an engine to the gauges; forget takes it out.
func (m *limitMetrics) follow(engine tracker) { m.engines.Store(engine, nil) }
func (m *limitMetrics) forget(engine tracker) { m.engines.Delete(engine) }

func (m *limitMetrics) anyAway() (away float64) {
	m.engines.Range(func(engine, _ any) bool {
		if e, ok := engine.(interface{ Away() bool }); ok && e.Away() {
			away = 1
		}
		return away == 0
	})
	return away
}

func (m *limitMetrics) allTracked() (total float64) {
	m.engines.Range(func(engine, _ any) bool {
		total += float64(engine.(tracker).Tracked())
		return true
	})
	return total
}

// called records a round trip to Redis.
func (m *limitMetrics) called(requests int64, took time.Duration, err error) {
	m.calls.Inc()
	m.carried.Add(float64(requests))
	m.seconds.Observe(took.Seconds())
	if err != nil {
		m.failures.Inc()
	}
}
