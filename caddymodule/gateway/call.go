package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/headers"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// call is one request on its way through a handler: what is known of it, what was decided, and the writer of its answer.
type call struct {
	handler *Handler
	request *http.Request // what goes to the handlers behind the gate; its context ends with the answer
	own     http.Request
	repl    *caddy.Replacer
	ours    headers.Ours
	cancel  context.CancelFunc
	facts   gate.Request
	verdict gate.Verdict
	writer  envelope.Writer
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
	// sent are the secrets that the backend got.
	sent headers.Secrets
	// credential is the Authorization header of a request that passed, which the backend does not see.
	credential []string
}

// begin reads the facts and puts the writer between the client and everything that answers.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) *call {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	ctx, cancel := context.WithCancel(r.Context())
	r.Host = withoutFinalDot(r.Host) // policies, and matchers and backends behind the gate, see one name
	c := &call{handler: h, repl: repl, ours: headers.Ours{RequestID: []string{requestID(r, repl)}}, cancel: cancel, facts: Facts(r)}
	c.own = *r.WithContext(ctx) // inlined, so that the copy costs no allocation of its own
	c.request, c.facts.Body, c.facts.Upstream = &c.own, &c.body, c
	c.body = requestBody{c.request, &c.inbound, w}
	c.shown = placeholders{&c.verdict, h.app.secrets, &c.writer}
	c.inbound.take(c.request)
	options := envelope.Options{
		Mapper: h.mapper, Method: r.Method, Context: r.Context(), Cancel: cancel, Hook: c, Credential: h.injectsAuthorization(),
	}
	if c.inbound.expects {
		options.Busy = c.inbound.awaited
	}
	if h.injectsSecrets() {
		options.Secret = func(text []byte) bool { return c.sent.In(text) }
	}
	c.writer.Init(w, options)
	return c
}

// judge takes the request through the gate. A gateway inside another would charge and judge every request twice, by
// headers that the first has changed: it refuses all.
func (c *call) judge() {
	if caddyhttp.GetVar(c.request.Context(), judgedVar) != nil {
		c.verdict.Refusal = &refusal.Refusal{
			Kind: refusal.NestedGateway, Cause: errors.New("a tollgate handler stands inside another one: keep the outer"),
		}
		return
	}
	caddyhttp.SetVar(c.request.Context(), judgedVar, c)
	c.repl.Map(c.shown.value)
	c.handler.warnLeftmost(c.request)
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
	c.credential = r.Header["Authorization"]
	h.upstream.Clean(r, fromTrustedProxy(r))
	r.Header["X-Request-Id"] = []string{c.requestID()}
	if h.names != nil && c.verdict.Identity != nil {
		h.names.Set(r.Header, c.verdict.Identity)
	}
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
		if unhandled, _ := caddyhttp.GetVar(c.request.Context(), "unhandled").(bool); unhandled {
			return &refusal.Refusal{Kind: refusal.NoHandler}
		}
		if status, _ := c.repl.Get("http.reverse_proxy.status_code"); status == http.StatusSwitchingProtocols && !c.writer.Sent() {
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
	c.ours.Limits = c.verdict.Limits.Headers()
	if identity := c.verdict.Identity; identity != nil {
		if ends := instant(identity.GraceEnds()); ends != nil {
			c.ours.SecretEnds = []string{*ends}
		}
	}
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

func (c *call) requestID() string { return c.ours.RequestID[0] }

// deprecation is what a caller is told of a route that it is to leave; nil: nothing. Who may not use the route does not hear of it: a
// stolen key would map the API by it from outside its allowlist.
func (c *call) deprecation() *route.Deprecation {
	r := c.verdict.Match.Route
	if r == nil || !r.Public && c.verdict.Step != gate.StepLimit {
		return nil
	}
	return r.Deprecation
}
