package meter

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
)

type policyMeters struct {
	decisions                     *prometheus.CounterVec
	seconds                       prometheus.Histogram
	evaluated, remembered, failed prometheus.Counter
}

func newPolicyMeters() policyMeters {
	m := policyMeters{
		decisions: counters("policy_decisions_total", "Decisions by policy, by how they came about: evaluated, remembered or failed (which refuses).", "how"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "policy_evaluation_seconds", Help: "Seconds that a decision took which was not remembered.",
			Buckets: []float64{2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1, 1},
		}),
	}
	m.evaluated, m.remembered, m.failed = m.decisions.WithLabelValues("evaluated"), m.decisions.WithLabelValues("remembered"), m.decisions.WithLabelValues("failed")
	return m
}

// measuredPolicy counts what it is asked.
type measuredPolicy struct {
	gate.Policy
	meters *policyMeters
}

// Policy counts the decisions of policies.
func (m *Meters) Policy(policies gate.Policy) gate.Policy {
	return measuredPolicy{policies, &m.policies}
}

// Decide is part of gate.Policy.
func (p measuredPolicy) Decide(ctx context.Context, in *policy.Input) (policy.Decision, error) {
	began := time.Now()
	d, err := p.Policy.Decide(ctx, in)
	switch {
	case err == nil && d.Remembered:
		p.meters.remembered.Inc()
		return d, nil
	case err != nil:
		p.meters.failed.Inc()
	default:
		p.meters.evaluated.Inc()
	}
	p.meters.seconds.Observe(time.Since(began).Seconds())
	return d, err
}
