package cases

import (
	"context"
	"net/http"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Case is one request and what must come of it.
type Case struct {
	// Name is unique within its file.
	Name string
	// File and Line are where it stands.
	File string
	Line int
	// Caller is who asks, as the file names it; empty for one who is described in the case itself.
	Caller string
	// Request is what is asked.
	Request Request
	// Want is what must come of it.
	Want Want
}

// Request is a request as its case describes it.
type Request struct {
	// Method and Address are the request's; the address is a path with its query, or a URL.
	Method, Address string
	// Host is the host that the request names, where the address is a path; empty: one that the site answers to.
	Host string
	// IP is the client's address.
	IP string
	// Header are the request's header fields, in canonical form.
	Header http.Header
	// Body is what is sent; empty: nothing.
	Body []byte
	// KeyID is the key of the configuration's store that is sent, by its id; empty: the case describes the caller.
	KeyID string
	// Identity is whose key is sent, where the case describes it; nil, without a KeyID: the Authorization header says it all.
	Identity *record.Identity
}

// Outcome is what would become of a request.
type Outcome struct {
	// Kind is how it ends.
	Kind Kind
	// Status, Code, Reason, Message, Details and Missing are those of a refusal. Details are as encoding/json gives them.
	Status          int
	Code            string
	Reason, Message string
	Details         any
	Missing         []string
	// Route is the pattern of the route; empty: none matched, or the request did not come so far.
	Route string
	// Scopes are those that the route needs, its parameters filled in.
	Scopes []string
	// Charge is what it would take from the workspace's windows.
	Charge int64
	// Explain says step by step why, in lines of at most so many cells; 0: any.
	Explain func(width int) string
}

// Kind is how a request ends.
type Kind string

// The kinds.
const (
	// Pass: it has a good key and goes on to what stands behind the gate.
	Pass Kind = "pass"
	// Public: it goes on unchecked, or is told what it may do.
	Public Kind = "public"
	// Whoami: the gateway answers who the key is.
	Whoami Kind = "whoami"
	// NoGate: it comes to no gate, and is not protected.
	NoGate Kind = "no gate"
	// Refused: the gateway refuses it.
	Refused Kind = "refused"
)

// Judge says what would become of a request. An error means that it cannot be told.
type Judge interface {
	Judge(ctx context.Context, r *Request) (*Outcome, error)
}
