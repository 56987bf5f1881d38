package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// ReadApp reads the app of a configuration, which is nil where it has none: the defaults then hold. Plans are ready;
// nothing is provisioned.
func ReadApp(raw json.RawMessage) (*App, error) {
	app := new(App)
	if raw != nil {
		if err := caddy.StrictUnmarshalJSON(raw, app); err != nil {
			return nil, err
		}
	}
	app.defaults()
	var err error
	app.planTable, err = app.plans()
	return app, err
}

// ReadHandler builds a gate's handler from its JSON without the word "handler", as loading the configuration would. The
// app must be provisioned. The handler serves no request: it is for Rehearse.
func ReadHandler(raw json.RawMessage, app *App) (*Handler, error) {
	h := &Handler{logger: zap.NewNop()}
	if err := caddy.StrictUnmarshalJSON(raw, h); err != nil {
		return nil, err
	}
	described, err := h.OpenAPI.load()
	if err != nil {
		return nil, err
	}
	return h, h.join(app, described)
}

// ReadGate reads a gate's words from its handler's JSON without the word "handler". Its Routes are all that the site has, those
// of its document among them. Nothing is provisioned: it judges nothing.
func ReadGate(raw json.RawMessage) (*Handler, error) {
	h := new(Handler)
	if err := caddy.StrictUnmarshalJSON(raw, h); err != nil {
		return nil, err
	}
	described, err := h.OpenAPI.load()
	if err != nil {
		return nil, err
	}
	routes, err := h.build(described)
	if err != nil {
		return nil, err
	}
	h.Routes = asWritten(routes.table.Routes())
	return h, h.checkInject()
}

// Rehearsal is a request to be judged without being served.
type Rehearsal struct {
	// Request is the request as Facts reads it. Its header is only read.
	Request gate.Request
	// Identity is who asks: no credential is needed. Nil: the request is judged by its Authorization header, and nobody has
	// the key in it.
	Identity *record.Identity
	// Described says that the workspace stands in no store: it needs no secrets for inject.
	Described bool
	// Body is what the request would send as application/json; empty: none.
	Body []byte
	// Windows is what is left of the workspace's windows.
	Windows limits.State
}

// Rehearsed is what would become of the request.
type Rehearsed struct {
	// Verdict is the gate's.
	Verdict gate.Verdict
	// Policy is why the policies decided so; nil: they were not asked.
	Policy *policy.Explanation
	// Unready is why the request could not be passed on; nil: it could, or it does not come so far.
	Unready error
}

// Rehearse takes a request through the very gate of the handler, with nothing in it that spends, counts or is sent
// anywhere.
func (h *Handler) Rehearse(ctx context.Context, r *Rehearsal) *Rehearsed {
	asked, outcome := &explainingPolicy{engine: h.app.policies}, &rehearsedUpstream{handler: h}
	g := h.gate
	g.AuthThrottle.Window, g.RefusalThrottle.Window, g.OutsiderThrottle.Window = record.Window{}, record.Window{}, record.Window{}
	g.Counters, g.Policy, g.Keys, g.Slots, g.Visitors = fixedCounters{r.Windows}, asked, noKeys{}, nil, nil
	request := r.Request
	request.As, request.Body = r.Identity, bodyText{r.Body, request.Header}
	if !r.Described {
		request.Upstream = outcome
	}
	g.Judge(ctx, &request, &outcome.verdict)
	return &Rehearsed{Verdict: outcome.verdict, Policy: asked.explanation, Unready: outcome.unready}
}

// explainingPolicy decides like the engine, and keeps why.
type explainingPolicy struct {
	engine      *policy.Engine
	explanation *policy.Explanation // nil: not asked
}

// Decide is part of gate.Policy.
func (p *explainingPolicy) Decide(ctx context.Context, in *policy.Input) (policy.Decision, error) {
	explanation, err := p.engine.Explain(ctx, in)
	if explanation == nil {
		return policy.Decision{}, err
	}
	p.explanation = explanation
	return explanation.Decision, explanation.Err
}

// fixedCounters say what the counters would say, and change nothing.
type fixedCounters struct{ state limits.State }

// Take is part of gate.Counters.
func (c fixedCounters) Take(_ context.Context, _ string, _ []record.Window, cost int64) (limits.Result, error) {
	state := c.state
	after := state.Refuse(cost)
	return limits.Result{Granted: after == 0, RetryAfter: after, State: state}, nil
}

// Last is part of gate.Counters.
func (c fixedCounters) Last(string, []record.Window) limits.State { return c.state }

// Peek is part of gate.Counters.
func (c fixedCounters) Peek(context.Context, string, []record.Window) (limits.State, error) {
	return c.state, nil
}

// noKeys is a key store in which nobody has a key.
type noKeys struct{}

// Known is part of gate.Keys.
func (noKeys) Known(record.Sum) *record.Identity { return nil }

// Familiar is part of gate.Keys.
func (noKeys) Familiar(record.Sum) bool { return false }

// Lookup is part of gate.Keys.
func (noKeys) Lookup(context.Context, record.Sum) (*record.Identity, error) {
	return nil, keystore.ErrUnknown
}

// bodyText is a body that was not sent, with the header of its request.
type bodyText struct {
	text   []byte
	header http.Header
}

// JSON judges the body as that of a request which sends it: as application/json, where the header says nothing else. It is
// part of gate.Body.
func (b bodyText) JSON(ctx context.Context, limit int64) (any, bool, *refusal.Refusal) {
	text, refused := b.Text(ctx, limit)
	if refused != nil || len(text) == 0 {
		return nil, false, refused
	}
	value, err := jsonbody.Parse(b.text)
	if err != nil {
		return nil, false, malformedBody(err)
	}
	return value, true, nil
}

// Text is part of gate.Body.
func (b bodyText) Text(_ context.Context, limit int64) ([]byte, *refusal.Refusal) {
	switch {
	case int64(len(b.text)) > limit:
		return nil, &refusal.Refusal{Kind: refusal.BodyTooLarge}
	case len(b.text) > 0 && (b.header["Content-Type"] != nil || b.header["Content-Encoding"] != nil) && !isJSON(b.header):
		return nil, malformedBody(errNotJSON)
	}
	return b.text, nil
}

// rehearsedUpstream looks whether the configured headers could be set; what it sets goes nowhere.
type rehearsedUpstream struct {
	handler *Handler
	verdict gate.Verdict
	unready error
}

// Ready is part of gate.Upstream.
func (u *rehearsedUpstream) Ready() *refusal.Refusal {
	var told told
	told.of(&u.verdict)
	repl, shown := caddy.NewReplacer(), placeholders{&told, u.handler.app.secrets, nil}
	repl.Map(shown.value)
	_, refused := inject(u.handler.Inject, http.Header{}, repl, u.verdict.Identity)
	if refused != nil {
		u.unready = refused.Cause
	}
	return refused
}

// KeyStore is the configuration's key store, once the app is provisioned.
func (a *App) KeyStore() KeyStore { return a.store }

// Counters is the configuration's counter engine, once the app is provisioned.
func (a *App) Counters() CounterEngine { return a.counters }

// Plan is the plan of a name. One that nobody configured is denied, and says so.
func (a *App) Plan(name string) *record.Plan { return a.planTable.Of(name) }

// PlanTable are all plans, the default ones among them, by name.
func (a *App) PlanTable() record.Plans { return a.planTable }

// CheckPlan refuses a plan that the configuration does not know: its workspaces would be denied.
func (a *App) CheckPlan(name string) error {
	if a.planTable[name] != nil {
		return nil
	}
	return fmt.Errorf("plan '%s' is not configured: write one of %s", name,
		strings.Join(slices.Sorted(maps.Keys(a.planTable)), ", "))
}

// Interface guards
var (
	_ gate.Policy   = (*explainingPolicy)(nil)
	_ gate.Counters = fixedCounters{}
	_ gate.Keys     = noKeys{}
	_ gate.Body     = bodyText{}
	_ gate.Upstream = (*rehearsedUpstream)(nil)
)
