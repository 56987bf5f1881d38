package gate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// The gate's own cost: what the cores allocate is theirs to bound.
func TestJudgeAllocations(t *testing.T) {
	s, r := newSetup(t), request("/leads")
	s.Policy = lax{}
	s.keys.identity.Workspace.Limits = []record.Window{{Limit: 1 << 40, Duration: time.Hour}}
	for _, slots := range []*limits.Slots{nil, limits.NewSlots()} {
		for _, concurrent := range []int64{0, 20} {
			s.Slots, s.Plans["pro"].Concurrent = slots, concurrent
			var v gate.Verdict
			allocations := testing.AllocsPerRun(1000, func() {
				v = gate.Verdict{}
				s.Judge(t.Context(), r, &v)
				v.Release()
			})
			require.Empty(t, reason(&v))
			require.Zero(t, allocations, "hygiene, route, authentication and limit allocate nothing")
		}
	}
}

// A public route costs nothing where it has no limit, and where it has one no more than the key of its count.
func TestPublicAllocations(t *testing.T) {
	s := newSetup(t)
	for path, most := range map[string]float64{"/public": 0, "/visited": 1} {
		r := request(path)
		var v gate.Verdict
		allocations := testing.AllocsPerRun(1000, func() {
			v = gate.Verdict{}
			s.Judge(t.Context(), r, &v)
		})
		require.LessOrEqual(t, allocations, most, path)
	}
}

func BenchmarkJudge(b *testing.B) {
	s, r := newSetup(b), request("/leads")
	s.keys.identity.Workspace.Limits = []record.Window{{Limit: 1 << 40, Duration: time.Hour}}
	b.ReportAllocs()
	for b.Loop() {
		var v gate.Verdict
		s.Judge(b.Context(), r, &v)
		if v.Refusal != nil {
			b.Fatal(v.Refusal)
		}
	}
}
