package gate

import (
	"context"

	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Request is a request as the gate judges it.
type Request struct {
	policy.Facts
	// Target is the request target as it came over the wire, before any rewriting.
	Target string
	// TargetPath is the escaped path that net/url read from Target. Path differs from it where the operator rewrites.
	TargetPath string
	// Body reads the request's body for policies and documents; nil where there is none to read.
	Body Body
	// Upstream makes the request ready for the backend; nil where nothing goes there.
	Upstream Upstream
	// As stands in for a credential: explain asks what would happen to the holder of a key without having the secret.
	// It is nil for every request from outside.
	As *record.Identity
}

// anonymous reports whether the request comes without any credential.
func (r *Request) anonymous() bool { return r.As == nil && len(r.Header["Authorization"]) == 0 }

// Body reads the body of a request, leaving the backend the same bytes.
type Body interface {
	// JSON reads one JSON value of at most limit bytes. It gives present=false for no body at all, and a refusal for a
	// body that is too large, late or no JSON.
	JSON(ctx context.Context, limit int64) (value any, present bool, refused *refusal.Refusal)
	// Text reads at most limit bytes that are sent as JSON. It gives nil for no body at all, and a refusal for a body that is
	// too large, late or not sent as JSON.
	Text(ctx context.Context, limit int64) ([]byte, *refusal.Refusal)
}

// Upstream is what follows the gate. It is asked before anything is charged: a request that cannot be passed on spends
// nothing.
type Upstream interface {
	// Ready changes the request to what the backend may see, or says why that cannot be done.
	Ready() *refusal.Refusal
}

func (r *Request) ready() *refusal.Refusal {
	if r.Upstream == nil {
		return nil
	}
	return r.Upstream.Ready()
}
