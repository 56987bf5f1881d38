package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// failing decides nothing: it says what it is told to, once it was asked.
type failing struct {
	asked func()
	err   error
}

func (f failing) Decide(context.Context, *policy.Input) (policy.Decision, error) {
	f.asked()
	return policy.Decision{Generation: 7}, f.err
}

// waiting keys answer when nobody waits for them any more.
type waiting struct{ leave func() }

func (waiting) Known(record.Sum) *record.Identity { return nil }

func (waiting) Familiar(record.Sum) bool { return false }

func (w waiting) Lookup(ctx context.Context, _ record.Sum) (*record.Identity, error) {
	w.leave()
	<-ctx.Done()
	return nil, fmt.Errorf("asking the key store: %w", ctx.Err())
}

func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	broken := errors.New("a policy is broken")
	for name, c := range map[string]struct {
		leaves bool
		err    error
		want   string
	}{
		"it left while the policies were asked":  {true, context.Canceled, "client_left"},
		"it left, and the policies failed":       {true, broken, "policy_failed"},
		"it waits, and the policies failed":      {false, broken, "policy_failed"},
		"it waits, and an evaluation was ended":  {false, context.Canceled, "policy_failed"},
		"it waits, and the policies are busy":    {false, fmt.Errorf("%w (1s)", policy.ErrBusy), "policy_busy"},
		"it waits, and the decision came late":   {false, policy.ErrLate, "policy_failed"},
		"it left, and nothing was wrong with it": {true, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			s.Policy = failing{asked: func() {
				if c.leaves {
					leave()
				}
			}, err: c.err}
			if c.err == nil {
				s.Policy = allowing{leave}
			}
			var v gate.Verdict
			s.Judge(ctx, request("/leads"), &v)
			require.Equal(t, c.want, reason(&v))
			if c.err != nil {
				require.ErrorIs(t, v.Refusal, c.err, "for the log")
				require.Equal(t, uint64(7), v.Decision.Generation, "for the decision log")
			}
		})
	}
	t.Run("it left while its key was looked up", func(t *testing.T) {
		s := newSetup(t)
		ctx, leave := context.WithCancel(t.Context())
		s.Keys = waiting{leave}
		var v gate.Verdict
		s.Judge(ctx, request("/leads"), &v)
		require.Equal(t, "client_left", reason(&v))
	})
	require.Less(t, refusal.ClientLeft.Status, 500)
}

// allowing lets everybody pass, whoever still waits.
type allowing struct{ asked func() }

func (a allowing) Decide(context.Context, *policy.Input) (policy.Decision, error) {
	a.asked()
	return policy.Decision{Allow: true}, nil
}
