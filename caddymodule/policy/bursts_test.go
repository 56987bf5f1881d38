package policy

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/allowance"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/turns"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// busy keeps a core busy for so long.
func busy(long time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := time.Now()
	before, ok := allowance.ThreadTime()
	for now := before; ok && now-before < long || !ok && time.Since(began) < long; now, _ = allowance.ThreadTime() {
	}
}

// calls is a policy that calls the built-in function for which standIn stands in so many times.
func calls(n int) map[string]string {
	return map[string]string{"a.rego": refusal(fmt.Sprintf(`some n in numbers.range(1, %d); not semver.is_valid(concat(".", [input.request.host, sprintf("%%d", [n])]))`, n))}
}

// TestWaitingIsNotTheTimeOfADecision has many evaluations, each of which takes half of its time.
func TestWaitingIsNotTheTimeOfADecision(t *testing.T) {
	const timeout = 100 * time.Millisecond
	e := engine(t, calls(10)).WithTimeout(timeout)
	var running, most atomic.Int64
	standIn(t, func(_ topdown.BuiltinContext, _ []*ast.Term, give func(*ast.Term) error) error {
		for now := running.Add(1); ; {
			if seen := most.Load(); now <= seen || most.CompareAndSwap(seen, now) {
				break
			}
		}
		busy(timeout / 20)
		running.Add(-1)
		return give(ast.InternedTerm(true))
	})
	var all sync.WaitGroup
	for n := range 8 * runtime.GOMAXPROCS(0) {
		in := request().with(host(fmt.Sprint(n)))
		all.Go(func() {
			if _, err := e.Decide(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(evaluationsAtOnce()))
}

// TestTimeWithoutACoreDoesNotCount has an evaluation stand still for longer than it may run, as on a machine that others
// keep busy, and one that stands still for far too long.
func TestTimeWithoutACoreDoesNotCount(t *testing.T) {
	if _, ok := allowance.ThreadTime(); !ok {
		t.Skip("this system does not tell how long a thread has run")
	}
	const timeout = 50 * time.Millisecond
	const each = 20
	e := engine(t, calls(each)).WithTimeout(timeout)
	for host, test := range map[string]struct {
		still, busy time.Duration // altogether
		want        error
	}{
		"still":          {4 * timeout, 0, nil},
		"still and busy": {2 * timeout, 4 * timeout, ErrLate},
		"busy":           {0, 4 * timeout, ErrLate},
		"far too long":   {5 * allowance.Times * timeout, 0, ErrLate},
	} {
		t.Run(host, func(t *testing.T) {
			standIn(t, func(_ topdown.BuiltinContext, _ []*ast.Term, give func(*ast.Term) error) error {
				<-time.After(test.still / each)
				busy(test.busy / each)
				return give(ast.InternedTerm(true))
			})
			in := request()
			in.Host = host
			_, err := e.Decide(t.Context(), in)
			require.ErrorIs(t, err, test.want)
		})
	}
}

// TestARequestThatGetsNoTurnIsRefused holds the only turn.
func TestARequestThatGetsNoTurnIsRefused(t *testing.T) {
	e := engine(t, nil)
	synctest.Test(t, func(t *testing.T) {
		e.turns = turns.New(1)
		require.NoError(t, e.turns.Take(t.Context(), "other", time.Second))
		in, began := request(), time.Now()
		d, err := e.WithTimeout(time.Millisecond).Decide(t.Context(), in)
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, turnTimeout+time.Millisecond, time.Since(began))
		require.Equal(t, Decision{Generation: 1}, d)
		e.turns.Done()
		_, err = e.Decide(t.Context(), in)
		require.NoError(t, err)
		require.NoError(t, e.turns.Take(t.Context(), "other", time.Second))
		d, err = e.Decide(t.Context(), in)
		require.NoError(t, err, "a remembered decision needs no turn")
		require.True(t, d.Remembered)
	})
}

// TestWhoWaitsIsAnsweredByWhoCameBefore has many requests with one question: it is asked once.
func TestWhoWaitsIsAnsweredByWhoCameBefore(t *testing.T) {
	e := engine(t, map[string]string{"a.rego": refusal(`not semver.is_valid(input.request.method)`)})
	e.turns = turns.New(1)
	var asked atomic.Int64
	standIn(t, func(_ topdown.BuiltinContext, _ []*ast.Term, give func(*ast.Term) error) error {
		asked.Add(1)
		return give(ast.InternedTerm(true))
	})
	require.NoError(t, e.turns.Take(t.Context(), "other", time.Second))
	var all sync.WaitGroup
	in := request()
	for range 20 {
		all.Go(func() {
			if _, err := e.Decide(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool { return e.turns.Waiting("ws_acme") == 20 }, time.Minute, time.Millisecond)
	e.turns.Done()
	all.Wait()
	require.Equal(t, int64(1), asked.Load())
}

// TestTheFirstRequestIsNotTheFirstEvaluation counts the calls of a built-in function.
func TestTheFirstRequestIsNotTheFirstEvaluation(t *testing.T) {
	var asked atomic.Int64
	standIn(t, func(_ topdown.BuiltinContext, _ []*ast.Term, give func(*ast.Term) error) error {
		asked.Add(1)
		return give(ast.InternedTerm(true))
	})
	e := engine(t, map[string]string{"a.rego": refusal(`not semver.is_valid(input.request.method)`)})
	loaded := asked.Load()
	require.Positive(t, loaded, "before the first generation is there")
	require.NoError(t, e.Reload(t.Context()))
	require.Equal(t, 2*loaded, asked.Load(), "and before any other")
	d, err := e.Decide(t.Context(), request())
	require.NoError(t, err)
	require.False(t, d.Remembered)
}

// TestSamplesAreOfTheUsualKinds holds the samples to what the embedded policies are to say of them.
func TestSamplesAreOfTheUsualKinds(t *testing.T) {
	e := engine(t, nil)
	for i, in := range samples() {
		d, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, i == 0, d.Allow)
	}
}

// TestSamplesFailNoLoad has policies that fail on every request, and one that never ends.
func TestSamplesFailNoLoad(t *testing.T) {
	for _, body := range []string{`to_number(input.request.method) > 1`, endless} {
		_, err := New(t.Context(), Options{Paths: []string{folder(t, map[string]string{"a.rego": refusal(body)})}})
		require.NoError(t, err)
	}
}

// TestAKeyWithoutAnAllowlistIsRememberedWhateverItsAddress asks from many addresses.
func TestAKeyWithoutAnAllowlistIsRememberedWhateverItsAddress(t *testing.T) {
	anywhere := &record.Key{ID: "key_any", Scopes: []record.Scope{"agent.leads.*"}}
	for name, test := range map[string]struct {
		rego       string
		key        *record.Key
		remembered bool
	}{
		"no list":                        {authz("_x := 1\n\n_y := _x\n"), anywhere, true},
		"no list, refused":               {refusal(`input.request.method == "GET"`), anywhere, true},
		"a list":                         {authz("_x := 1\n\n_y := _x\n"), request().Identity.Key, false},
		"an own policy reads it":         {refusal(`startswith(input.request.client_ip, "10.")`), anywhere, false},
		"an own policy uses ours":        {refusal(`not _address_allowed`), anywhere, true},
		"an own policy uses our details": {"package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"details\": _address_details} if input.request.method\n", anywhere, true},
		"an own policy puts a list in":   {refusal(`not _address_allowed with input.key.allowed_ips as ["0.0.0.0/0"]`), anywhere, false},
		"an own policy mocks a function": {refusal(`not _address_allowed with net.cidr_contains as true`), anywhere, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, map[string]string{"a.rego": test.rego})
			fresh := 0
			for n := range 50 {
				in := request().with(func(in *Input) {
					in.Identity.Key, in.ClientIP = test.key, netip.AddrFrom4([4]byte{203, 0, 113, byte(n)})
				})
				d, err := e.Decide(t.Context(), in)
				require.NoError(t, err)
				if !d.Remembered {
					fresh++
				}
				d.Remembered = false
				want, err := e.current.Load().evaluate(t.Context(), in, time.Minute)
				require.NoError(t, err)
				require.Equal(t, want, d)
			}
			if test.remembered {
				require.Equal(t, 1, fresh)
			} else {
				require.Equal(t, 50, fresh)
			}
		})
	}
}
