package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/describe"
	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inner"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
	"github.com/tollgate-gateway/tollgate/caddymodule/mcp"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// patience is how long the answer of a tool may take from its status on: clients give up and do not always say so. Only tests change it.
var patience = inner.Patience{Stream: 30 * time.Second, Whole: 2 * time.Minute}

// agent is a call of the MCP endpoint, and what it does for its caller: mcp.Site.
type agent struct {
	*call
	routes *siteRoutes
	next   caddyhttp.Handler
	may    gate.Callable
	asked  int
	all    map[*route.Route][]string // what may be called; nil: it was not asked for much
	over   *refusal.Refusal          // of a document that was asked for too often
}

// mcp answers a message for the MCP endpoint. Where a tool is called, a request of its own goes through the gate, which is
// authenticated, judged, charged and counted like any other.
func (c *call) mcp(next caddyhttp.Handler) error {
	routes := c.handler.live.Load()
	request := mcp.Request{Method: c.request.Method, Host: c.request.Host, Header: c.request.Header}
	if len(request.Header["Origin"]) > 0 {
		server, is := c.request.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
		request.HostKnown = is && site.Named(server, c.handler)
	}
	if request.Method == http.MethodPost {
		var refused *refusal.Refusal
		request.Body, refused = c.body.read(mcp.MaxMessage)
		c.inbound.touched.Store(false) // it was the gateway that read
		if refused != nil {
			return c.refuseMessage(refused)
		}
	}
	may, refused := c.callable(routes)
	if refused != nil {
		return c.refuseMessage(refused)
	}
	caller := &agent{call: c, routes: routes, next: next, may: may}
	reply := routes.mcp.Answer(c.request.Context(), &request, caller)
	if caller.over != nil {
		return c.refuseMessage(caller.over)
	}
	if reply.Refused != nil {
		c.handler.gate.Refuse(&c.facts, &c.verdict, reply.Refused)
		c.told.of(&c.verdict)
	}
	h := c.writer.Header()
	if reply.Status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	if c.verdict.Refusal != nil {
		c.writer.RefuseWith(c.verdict.Refusal, reply.Status, reply.Body)
		return nil
	}
	if reply.Body != nil {
		h.Set("Content-Type", "application/json")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	c.send(reply.Status, reply.Body)
	return nil
}

// refuseMessage refuses what is no message yet.
func (c *call) refuseMessage(refused *refusal.Refusal) error {
	c.handler.gate.Refuse(&c.facts, &c.verdict, refused)
	c.told.of(&c.verdict)
	c.writer.Refuse(refused)
	return nil
}

// send is an answer of the gateway's own.
func (c *call) send(status int, body []byte) {
	h := c.writer.Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	c.writer.WriteHeader(status)
	if c.request.Method != http.MethodHead && len(body) > 0 {
		_, _ = c.writer.Write(body) // an error here is the client's leaving
	}
}

// May is mcp.Site.
func (a *agent) May(t *mcp.Tool) bool {
	if a.asked++; a.asked == 1 { // a call asks for one tool, a list for all
		return a.may.Has(t.Route, t.Method())
	}
	if a.all == nil {
		a.all = maps.Collect(a.may.Routes)
	}
	return slices.Contains(a.all[t.Route], t.Method())
}

// readable are the documents of describe that clients may read as resources.
var readable = map[string]describe.Kind{"tollgate://SKILL.md": describe.Skill, "tollgate://openapi.json": describe.OpenAPI}

// Resources is mcp.Site: where the site has describe, what it tells this caller.
func (a *agent) Resources() []mcp.Resource {
	if a.handler.Describe == nil {
		return nil
	}
	return []mcp.Resource{
		{URI: "tollgate://SKILL.md", Name: "SKILL.md", Title: "How to use this API", Description: "What the key may call, with examples: read it first.", Type: "text/markdown"},
		{URI: "tollgate://openapi.json", Name: "openapi.json", Title: "The API's OpenAPI document", Description: "The operations that the key may call.", Type: "application/json"},
	}
}

// Read is mcp.Site.
func (a *agent) Read(_ context.Context, uri string) (string, bool) {
	kind, known := readable[uri]
	if !known || a.routes.tells == nil {
		return "", false
	}
	for _, r := range a.routes.table.Routes() {
		if r.Describes && r.Pattern == kind.Path(a.handler.Describe.under()) {
			a.over = a.handler.gate.Tell(&a.facts, &a.verdict, r)
		}
	}
	if a.over != nil {
		return "", false
	}
	text, err := a.routes.tells.Document(kind, a.describedCaller(a.may))
	return string(text), err == nil
}

// hiddenVar reports whether a variable is not handed on to a tool's request: that has been judged by nobody.
func hiddenVar(name string) bool {
	return strings.HasPrefix(name, "tollgate.") || name == "unhandled" || name == "start_time"
}

// Call is mcp.Site.
func (a *agent) Call(ctx context.Context, r *mcp.Call) *mcp.Answer {
	refused := a.elsewhere(r)
	if refused == nil {
		refused = a.tooLong(r)
	}
	if refused != nil {
		return a.Refuse(r.Tool, refused)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := inner.NewAnswer(a.handler.MCP.mostResult(), patience, cancel)
	request, err := inner.New(a.request.WithContext(ctx), &inner.Request{
		Method: r.Method, Path: r.Path, Query: r.Query, Header: r.Header, Body: r.Body, Hidden: hiddenVar,
	}, answer)
	if err != nil {
		return a.Refuse(r.Tool, &refusal.Refusal{Kind: refusal.MalformedTarget, Cause: err})
	}
	broken := a.through(answer, request)
	result := &mcp.Answer{Status: answer.Status, Header: answer.Sent(), Body: answer.Body.Bytes(), Cut: answer.Long, RequestID: a.id.text}
	result.Ended = answer.Close()
	switch {
	case answer.Unfit != nil:
		return a.answer(answer.Unfit)
	case broken && !answer.Long && !result.Ended:
		return a.answer(&refusal.Refusal{Kind: refusal.UpstreamMalformed}) // which the tool's request has told log and metrics
	}
	return result
}

// fit takes the encoding off an answer, which nobody asked for, and says what its caller is told in its place if it is none that a tool
// can give; nil: it is one.
func (a *agent) fit(answer *inner.Answer) *refusal.Refusal {
	if answer.Close() && !answer.Stream && !answer.Long {
		return &refusal.Refusal{Kind: refusal.UpstreamTimeout}
	}
	most := a.handler.MCP.mostResult()
	if codings := answer.Sent()["Content-Encoding"]; len(codings) > 0 && answer.Body.Len() > 0 {
		body, whole := envelope.Decode(codings, bytes.Clone(answer.Body.Bytes()), int(most))
		if !whole && !answer.Long && !answer.Stream && len(body) < int(most) || body == nil {
			return &refusal.Refusal{Kind: refusal.UpstreamMalformed, Cause: fmt.Errorf("the backend's Content-Encoding %q cannot be taken off", codings)}
		}
		answer.Long = answer.Long || !whole
		answer.Body.Reset()
		answer.Body.Write(body)
	}
	if answer.Long && !answer.Stream {
		return &refusal.Refusal{Kind: refusal.MCPResult, Details: map[string]any{"max_result": most}}
	}
	return nil
}

// asTold has the report of a tool's request say what its caller was told in place of the answer.
func (c *call) asTold(report *envelope.Report) {
	answer, is := c.writer.Unwrap().(*inner.Answer)
	if !is || answer.Unfit == nil {
		return
	}
	unfit := answer.Unfit
	report.Source, report.Status, report.Code, report.Reason = envelope.SourceGateway, unfit.StatusCode(), unfit.Kind.Code, unfit.Kind.Reason
	report.Cause, report.ClientGone = unfit.Cause, false
	if unfit.Kind == refusal.UpstreamMalformed || unfit.Kind == refusal.UpstreamTimeout {
		report.Source = envelope.SourceBackend
	}
}

// through takes the request of a tool through the gate, and to the handlers behind it. It reports whether the answer broke off.
func (a *agent) through(answer *inner.Answer, r *http.Request) (broken bool) {
	defer func() {
		if panicked := recover(); panicked == http.ErrAbortHandler {
			broken = true
		} else if panicked != nil {
			panic(panicked)
		}
	}()
	c := a.handler.begin(answer, r)
	c.tool, a.inside = true, c
	c.id = a.id // of the message and of the request that it led to: one call, one id
	c.repl.Set("http.request.uuid", a.id.text)
	a.used = true // the ledger has the tool's request
	defer c.end()
	defer func() { // before the end, which gives the verdict back and tells what became of the request
		a.verdict.Limits = c.verdict.Limits
		switch {
		case c.verdict.Refusal == nil:
			answer.Unfit = a.fit(answer)
		case answer.Long: // where max_result is shorter than what the gateway itself has to say
			refused := *c.verdict.Refusal
			answer.Unfit = &refused
		}
	}()
	c.judge()
	if c.verdict.Refusal != nil {
		c.writer.Refuse(c.verdict.Refusal)
		return false
	}
	_ = c.pass(a.next) // it returns nil
	return false
}

// elsewhere refuses arguments by which the request would become one of another route than the tool's: "search" for the id of
// /leads/:id, where /leads/search is an operation of its own.
func (a *agent) elsewhere(r *mcp.Call) *refusal.Refusal {
	var m route.Match
	_, _ = a.routes.table.Match(r.Method, r.Path, &m) // its error is the gate's to tell
	if m.Route == r.Tool.Route {
		return nil
	}
	return &refusal.Refusal{Kind: refusal.NotAsDescribed, Details: map[string]any{"path": "the arguments make it the path of another operation"}}
}

// tooLong refuses arguments that make a longer request line and longer headers than the server takes of its clients: over HTTP the
// backend would never see such a request.
func (a *agent) tooLong(r *mcp.Call) *refusal.Refusal {
	most, long := http.DefaultMaxHeaderBytes, len(r.Path)+len(r.Query)
	if server, is := a.request.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); is && server.MaxHeaderBytes > 0 {
		most = server.MaxHeaderBytes
	}
	for name, values := range r.Header {
		long += len(name) + len(values[0]) // each has one
	}
	if long <= most {
		return nil
	}
	return &refusal.Refusal{Kind: refusal.NotAsDescribed, Details: map[string]any{"arguments": "make a longer path, query and headers than the server takes: send less"}}
}

// Refuse is mcp.Site. The refusal is of the tool's route.
func (a *agent) Refuse(t *mcp.Tool, r *refusal.Refusal) *mcp.Answer {
	a.verdict.Match.Route, a.tool = t.Route, true
	a.handler.gate.Refuse(&a.facts, &a.verdict, r)
	a.told.of(&a.verdict)
	return a.answer(r)
}

func (a *agent) answer(r *refusal.Refusal) *mcp.Answer {
	body := r.JSON()
	h := http.Header{}
	r.SetHeaders(h, len(body))
	limits := a.verdict.Limits.Headers()
	limits.Set(h)
	return &mcp.Answer{Status: r.StatusCode(), Header: h, Body: bytes.Clone(body), RequestID: a.id.text}
}

// mostResult is how long an answer may be.
func (m *MCP) mostResult() int64 {
	if m.MaxResult == 0 {
		return mcp.DefaultMaxResult
	}
	return m.MaxResult
}

// challenge tells clients that came without a good key where the MCP endpoint says how to authenticate (RFC 9728, section 5.1).
func (c *call) challenge(r *refusal.Refusal) *refusal.Refusal {
	if matched := c.verdict.Match.Route; matched == nil || !matched.MCP || matched.Public || r.Kind != refusal.Unauthorized {
		return r
	}
	base := c.base()
	if base == "" {
		return r
	}
	said := *r
	said.Challenge += `, resource_metadata="` + base + wellKnown + c.handler.MCP.Path + `"`
	return &said
}

// metadata says how clients authenticate (RFC 9728, section 3.2). No authorization server is named: there is none.
func (c *call) metadata() error {
	base := c.base()
	if base == "" {
		c.writer.Refuse(&refusal.Refusal{Kind: refusal.MalformedTarget})
		return nil
	}
	body, err := json.Marshal(map[string]any{
		"resource": base + c.handler.MCP.Path, "bearer_methods_supported": []string{"header"}, "scopes_supported": c.handler.live.Load().mcp.Scopes(),
	})
	if err != nil {
		return err
	}
	c.writer.Header().Set("Content-Type", "application/json")
	c.send(http.StatusOK, slices.Clip(body))
	return nil
}
