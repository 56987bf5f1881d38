package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// callers asks once for each of so many keys and gives their identities.
func callers(t testing.TB, e *Engine, in *Input, n int) []*record.Identity {
	identities := make([]*record.Identity, n)
	for i := range identities {
		key := *in.Identity.Key
		key.ID = fmt.Sprint("key_", i)
		identities[i] = &record.Identity{Key: &key, Workspace: in.Identity.Workspace}
	}
	for _, identity := range identities {
		in.Identity = identity
		_, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
	}
	return identities
}

func TestARememberedDecisionAllocatesNothing(t *testing.T) {
	e, in := engine(t, nil), request()
	identities := callers(t, e, in, 2_000)
	i, missed := 0, 0
	require.Zero(t, testing.AllocsPerRun(20_000, func() {
		in.Identity = identities[i%len(identities)]
		if d, err := e.Decide(t.Context(), in); err != nil || !d.Allow || !d.Remembered {
			missed++
		}
		i++
	}))
	require.Less(t, missed, 50, "a few callers may share their places with too many others")
}

// BenchmarkRemembered asks for 10,000 callers in turn. Beside it stands what a map of the same size costs on the same
// machine at the same time.
func BenchmarkRemembered(b *testing.B) {
	const n = 10_000
	e, in := engine(b, nil), request()
	identities := callers(b, e, in, n)
	b.Run("decision", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			in.Identity = identities[i%n]
			if _, err := e.Decide(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decision of one caller", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Decide(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("map look-up", func(b *testing.B) {
		type question struct {
			key, address, scope string
		}
		answers := map[question]*Decision{}
		for _, identity := range identities {
			answers[question{identity.Key.ID, "203.0.113.9", "agent.leads.read"}] = &Decision{Allow: true}
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if d := *answers[question{identities[i%n].Key.ID, "203.0.113.9", "agent.leads.read"}]; !d.Allow {
				b.Fatal(d)
			}
		}
	})
}

// BenchmarkFresh compares a decision made afresh, its input built from the request, with nothing but OPA's evaluation of
// an input that is there already.
func BenchmarkFresh(b *testing.B) {
	e, err := New(b.Context(), Options{Remember: -1, Timeout: time.Minute})
	require.NoError(b, err)
	in, g := request(), e.current.Load()
	value, err := in.value(everything)
	require.NoError(b, err)
	plain, err := ast.JSON(value)
	require.NoError(b, err)
	b.Run("decision", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d, err := e.Decide(b.Context(), in); err != nil || !d.Allow {
				b.Fatal(err)
			}
		}
	})
	b.Run("prepared Eval of a parsed input", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := g.prepared.Eval(b.Context(), rego.EvalParsedInput(value)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prepared Eval", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := g.prepared.Eval(b.Context(), rego.EvalInput(plain)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLoadEmbedded(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(b.Context(), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
