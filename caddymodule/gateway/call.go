package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/answers"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/headers"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// call is one request on its way through a handler: what is known of it, what was decided, and the writer of its answer.
type call struct {
	handler *Handler
	request *http.Request // what goes to the handlers behind the gate; from then on its context ends with the answer
	own     http.Request
	repl    *caddy.Replacer
	vars    map[string]any     // Caddy's, of the request
	cancel  context.CancelFunc // ends the request to the backend; nil: none went there
	// judgement is there until the end; told is what those may ask who come later.
	*judgement
	told   told
	id     requestID
	writer envelope.Writer
	// passing says that the handlers behind the gate have the request.
	passing bool
	// passed says that they had it, or have it.
	passed bool
	// used says that the ledger has the request.
	used bool
	// answered is when the answer of a handler behind the gate began.
	answered time.Time
	inbound  inbound
	body     requestBody
	shown    placeholders
	// toBackend and ours are the values of headers, for this request and its answer alone: Caddy's replacements write into them.
	toBackend headers.ToBackend
	ours      headers.Ours
	// sent are the secrets that the backend got.
	sent headers.Secrets
	// answer is what is kept of the answer to hold it against the document; nil: nothing is.
	answer *answers.Answer
	// tool says that it is the request of a tool, and inside is the call of the one that a message for the MCP endpoint led to; nil:
	// it led to none.
	tool   bool
	inside *call
	// entry is what the access log has of it; nil: nothing.
	entry *logged
	// credential is the Authorization header of a request that passed, which the backend does not see.
	credential []string
}

// judgement is what is known of a request while the handler has it. It is used again for another one: end takes it from the call,
// and nothing that may be asked later (the access log, placeholders, whoever finds the call in Caddy's variables, a transport
// that is still dialling) holds it.
type judgement struct {
	facts   gate.Request
	verdict gate.Verdict
}

var judgements = sync.Pool{New: func() any { return new(judgement) }}

// release ends the use of what is used again.
func (c *call) release() {
	j := c.judgement
	j.verdict.Release()
	c.judgement = nil
	*j = judgement{}
	judgements.Put(j)
}

// begin reads the facts and puts the writer between the client and everything that answers.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) *call {
	outer := r.Context()
	r.Host = withoutFinalDot(r.Host) // policies, and matchers and backends behind the gate, see one name
	c := &call{handler: h, repl: outer.Value(caddy.ReplacerCtxKey).(*caddy.Replacer), judgement: judgements.Get().(*judgement)}
	c.vars, _ = outer.Value(caddyhttp.VarsCtxKey).(map[string]any)
	c.id.find(r, c.vars, c.repl)
	read(r, c.vars, &c.facts)
	c.own = *r
	c.request, c.facts.Body, c.facts.Upstream = &c.own, &c.body, c
	c.body = requestBody{c.request, &c.inbound, w}
	c.shown = placeholders{&c.told, h.app.secrets, &c.writer}
	c.inbound.take(c.request)
	options := envelope.Options{
		Mapper: h.mapper, Method: r.Method, Context: outer, Hook: c, Credential: h.injects.authorization,
	}
	if c.inbound.expects {
		options.Busy = c.inbound.awaited
	}
	if h.injects.secrets {
		options.Secret = func(text []byte) bool { return c.sent.In(text) }
	}
	c.writer.Init(w, options)
	return c
}

// judge takes the request through the gate. A gateway inside another would charge and judge every request twice, by
// headers that the first has changed: it refuses all.
func (c *call) judge() {
	defer c.told.of(&c.verdict)
	if c.vars[judgedVar] != nil {
		c.verdict.Refusal = &refusal.Refusal{
			Kind: refusal.NestedGateway, Cause: errors.New("a tollgate handler stands inside another one: keep the outer"),
		}
		return
	}
	if c.vars != nil {
		c.vars[judgedVar] = c
	}
	c.repl.Map(c.shown.value)
	c.handler.warnLeftmost(c.request, c.vars)
	c.handler.gate.Judge(c.request.Context(), &c.facts, &c.verdict)
	nameUser(c.repl, c.verdict.Identity)
}

// judgedVar marks a request that a gateway handler has judged, and holds the *call. It is set once: when the proxy is back
// its transport may still be dialling for the request, and read the variables, and Caddy's map of them has no lock.
const judgedVar = "tollgate.judged"

// Ready changes the request's headers to what the backend may see. It is gate.Upstream.
func (c *call) Ready() *refusal.Refusal {
	h, r := c.handler, c.request
	if refused := c.inbound.refusal(); refused != nil {
		return refused
	}
	c.told.of(&c.verdict) // the values of inject may ask
	c.credential = r.Header["Authorization"]
	h.upstream.Clean(r, fromTrustedProxy(c.vars))
	c.toBackend.Set(r.Header, c.id.text, h.names, c.verdict.Identity)
	if h.mapper.SoftFailures() {
		// Without this the proxy's transport would ask for gzip on its own.
		r.Header["Accept-Encoding"] = []string{"identity"}
	}
	var refused *refusal.Refusal
	c.sent, refused = inject(h.Inject, r.Header, c.repl, c.verdict.Identity)
	return refused
}

// pass hands the request to the handlers behind the gate, and answers for whatever they return or panic with.
func (c *call) pass(next caddyhttp.Handler) error {
	var err error
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(c.own.Context())
	c.own = *c.own.WithContext(ctx) // inlined, so that the copy costs no allocation of its own
	c.writer.CancelWith(c.cancel)
	c.passing, c.passed = true, true
	defer func() {
		c.passing = false
		c.writer.Finish(c.handlerError(err), recover())
	}()
	err = next.ServeHTTP(&c.writer, c.request)
	return nil
}

// handlerError gives a later handler's error its row in the catalogue.
func (c *call) handlerError(err error) error {
	if err == nil && c.writer.ClientClosed() {
		return asError(c.inbound.refusal()) // the proxy takes a broken body for a client that left
	}
	if err == nil {
		if unhandled, _ := c.vars["unhandled"].(bool); unhandled {
			return &refusal.Refusal{Kind: refusal.NoHandler}
		}
		if c.writer.Sent() {
			return nil // as nearly always: the look below costs a walk through all placeholders
		}
		if status, _ := c.repl.Get("http.reverse_proxy.status_code"); status == http.StatusSwitchingProtocols {
			// The proxy writes nothing for an upgrade that nobody asked for.
			return &refusal.Refusal{Kind: refusal.UpstreamMalformed}
		}
		return nil
	}
	if refused := c.inbound.refusal(); refused != nil {
		return refused
	}
	if handler, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		return refusal.HandlerError(handler.StatusCode, err)
	}
	return err
}

// asError is a refusal as an error, nil if there is none.
func asError(r *refusal.Refusal) error {
	if r == nil {
		return nil
	}
	return r
}

// BeforeHeader puts on every answer what every answer carries, in place of what the backend says under the same names.
func (c *call) BeforeHeader(status int, h http.Header) {
	var secretEnds string
	if identity := c.verdict.Identity; identity != nil {
		if ends := instant(identity.GraceEnds()); ends != nil {
			secretEnds = *ends
		}
	}
	c.ours.Make(&c.verdict.Limits, c.id.text, secretEnds)
	c.ours.Set(h)
	var also func(name string) bool
	d := c.deprecation()
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		if c.passing && c.answered.IsZero() {
			c.answered = time.Now()
			c.use(&envelope.Report{Status: status}) // a stream or a WebSocket that a stop cuts off ends after the ledger
		}
		if d != nil {
			d.Set(h)
			also = route.IsDate
		}
	} else if d != nil {
		d.Drop(h)
	}
	if status >= http.StatusOK {
		c.settle(h)
		c.watchAnswer(status, h)
	}
	if announced := h["Trailer"]; len(announced) > 0 {
		h["Trailer"] = headers.WithoutOurs(announced, also)
	}
}

// BeforeTrailer keeps the backend from saying in a trailer what it may not say in a header. Behind encode, and for short
// answers over HTTP/3, the header itself has not left yet: ours stay in it.
func (c *call) BeforeTrailer(h http.Header) {
	c.ours.Set(h)
	if d := c.deprecation(); d != nil {
		d.SetAgain(h)
	}
}

// deprecation is what a caller is told of a route that it is to leave; nil: nothing. Who may not use the route does not hear of it: a
// stolen key would map the API by it from outside its allowlist.
func (c *call) deprecation() *route.Deprecation {
	r := c.verdict.Match.Route
	if r == nil || !r.Public && c.verdict.Step != gate.StepLimit {
		return nil
	}
	return r.Deprecation
}
