package redis

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
)

// redisMetrics say how Redis does.
type redisMetrics struct {
	calls    prometheus.Counter
	carried  prometheus.Counter
	seconds  prometheus.Histogram
	failures prometheus.Counter
}

// redisMeters are built once: counts go on over reloads.
var redisMeters = newRedisMetrics()

func newRedisMetrics() *redisMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tollgate", Name: name, Help: help})
	}
	return &redisMetrics{
		calls:    counter("redis_calls_total", "Round trips to Redis. Divided by redis_call_requests_total: calls per request."),
		carried:  counter("redis_call_requests_total", "Requests that were judged by a round trip to Redis, shared or their own."),
		failures: counter("redis_errors_total", "Round trips to Redis that failed."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tollgate", Name: "redis_seconds", Help: "Seconds that a round trip to Redis took.",
			Buckets: []float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1, 1},
		}),
	}
}

// collectors are the metrics, with the circuit breakers of one configuration's engine.
func (m *redisMetrics) collectors(engine *redis.Engine, ofCluster bool) []prometheus.Collector {
	b := &breakers{engine: engine}
	if ofCluster {
		b.labels = []string{"node"}
	}
	b.desc = prometheus.NewDesc("tollgate_redis_breaker_open",
		"1 while the circuit breaker keeps requests from waiting for Redis, of a Cluster for a node.", b.labels, nil)
	return []prometheus.Collector{m.calls, m.carried, m.seconds, m.failures, b}
}

// breakers is a gauge for each circuit breaker of an engine. The nodes of a Cluster are labelled.
type breakers struct {
	engine *redis.Engine
	labels []string
	desc   *prometheus.Desc
}

// Describe is part of prometheus.Collector.
func (b *breakers) Describe(to chan<- *prometheus.Desc) { to <- b.desc }

// Collect is part of prometheus.Collector.
func (b *breakers) Collect(to chan<- prometheus.Metric) {
	b.engine.Breakers(func(node string, open bool) {
		value := 0.0
		if open {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, value, []string{node}[:len(b.labels)]...)
	})
}

// called records a round trip to Redis.
func (m *redisMetrics) called(requests int64, took time.Duration, err error) {
	m.calls.Inc()
	m.carried.Add(float64(requests))
	m.seconds.Observe(took.Seconds())
	if err != nil {
		m.failures.Inc()
	}
}
