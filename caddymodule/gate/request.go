package gate

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Request holds the facts about a request that the gate judges by. There is one source for each.
type Request struct {
	// Method is the request's; an extended CONNECT (WebSocket over HTTP/2 and 3) is given as GET.
	Method string
	// Target is the request target as it came over the wire, before any rewriting.
	Target string
	// TargetPath is the escaped path that net/url read from Target.
	TargetPath string
	// Path is the escaped path that goes upstream. It differs from TargetPath where the operator rewrites.
	Path string
	// RawQuery is the query that goes upstream.
	RawQuery string
	// Host is the request's host as all matchers see it.
	Host string
	// Header is read, never changed.
	Header http.Header
	// ClientIP is the client's address, unmapped and without zone; the zero value if it could not be parsed.
	ClientIP netip.Addr
	// Body reads the request's body for policies; nil where there is none to read.
	Body Body
	// Upstream makes the request ready for the backend; nil where nothing goes there.
	Upstream Upstream
	// As stands in for a credential: explain asks what would happen to the holder of a key without having the secret.
	// It is nil for every request from outside.
	As *record.Identity
}

// Body reads the body of a request for policies, leaving the backend the same bytes.
type Body interface {
	// JSON reads one JSON value of at most limit bytes. It gives present=false for no body at all, and a refusal for a
	// body that is too large, late or no JSON.
	JSON(ctx context.Context, limit int64) (value any, present bool, refusal *envelope.Refusal)
}

// Upstream is what follows the gate. It is asked before anything is charged: a request that cannot be passed on spends
// nothing.
type Upstream interface {
	// Ready changes the request to what the backend may see, or says why that cannot be done.
	Ready() *envelope.Refusal
}

func (r *Request) ready() *envelope.Refusal {
	if r.Upstream == nil {
		return nil
	}
	return r.Upstream.Ready()
}
