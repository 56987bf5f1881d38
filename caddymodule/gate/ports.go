package gate

import (
	"context"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Routes is what the gate asks of the site's routes: it is a *route.Table, or the one that holds at present.
type Routes interface {
	Match(method, path string, m *route.Match) (found bool, err error)
}

// Keys is what the gate asks of a key store.
type Keys interface {
	// Known is the identity behind a secret that is known good here, without any I/O; nil if it is not known.
	Known(sum record.Sum) *record.Identity
	// Familiar reports, without any I/O, whether a secret was good when the store was last heard of, not longer ago than known
	// keys live without it: Lookup then asks again. The throttle of strangers is not for its holder.
	Familiar(sum record.Sum) bool
	// Lookup asks for the identity behind a secret. The error is keystore.ErrUnknown where there is none; any other
	// error means that the store cannot answer.
	Lookup(ctx context.Context, sum record.Sum) (*record.Identity, error)
}

// Policy is what the gate asks of the policies. Any error, a late decision too, is a refusal.
type Policy interface {
	Decide(ctx context.Context, in *policy.Input) (policy.Decision, error)
}

// Counters is what the gate asks of the limits.
type Counters interface {
	// Take charges cost to all windows of the workspace at once, or to none. The error says that the counters cannot
	// be reached and that requests are to be refused then.
	Take(ctx context.Context, workspace string, windows []record.Window, cost int64) (limits.Result, error)
	// Last gives the last known counts without a round trip, and spends nothing.
	Last(workspace string, windows []record.Window) limits.State
	// Peek asks for the present counts and spends nothing.
	Peek(ctx context.Context, workspace string, windows []record.Window) (limits.State, error)
}
