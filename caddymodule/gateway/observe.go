package gateway

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/meter"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/spans"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// end frees the request and tells logs and metrics what became of it. It runs in a panic as well.
func (c *call) end() {
	defer c.release() // a panic below must not keep it
	c.linger()
	if c.cancel != nil {
		c.cancel()
	}
	report := c.writer.Report()
	if c.answersItself() {
		report.Source = envelope.SourceGateway
	}
	c.checkAnswer(&report)
	if c.tool {
		c.asTold(&report)
	}
	span := trace.SpanFromContext(c.request.Context())
	why := c.why(&report, span.SpanContext().TraceID())
	took := c.upstreamTook(&report)
	c.remember(&report, &why, took)
	c.use(&report)
	c.logAccess(&report, &why)
	c.log(&report, &why)
	c.warnOfQuotas()
	c.logDecision(&report, &why)
	c.trace(&report, &why, span)
	c.count(&report, &why, took)
}

// meters are the metrics of all configurations of the process.
var meters = meter.New()

func (c *call) count(report *envelope.Report, why *why, took time.Duration) {
	r := meter.Request{
		Verdict: &c.verdict, Code: string(report.Code), Source: string(report.Source), Reason: why.reason, Upstream: took, Tool: c.tool,
	}
	if report.Unread != nil {
		r.Unread = string(report.Unread.Kind)
	}
	meters.Count(&r)
}

// trace adds to the request's trace what was done, where somebody records it.
func (c *call) trace(report *envelope.Report, why *why, span trace.Span) {
	if span.IsRecording() && c.inside == nil { // that of a tool has told the trace
		spans.Record(c.request.Context(), span, &spans.Request{
			Verdict: &c.verdict, Decision: c.told.decision(report.Reason), Status: report.Status, Code: string(report.Code), Reason: why.reason,
			Source: string(report.Source), Passed: c.passed, Ended: time.Now(),
		})
	}
}

// upstreamTook is how long it took until the backend's answer began, or failed to; 0: no backend was asked.
func (c *call) upstreamTook(report *envelope.Report) time.Duration {
	began := c.verdict.Ended()
	switch {
	case !c.passed || c.answersItself() || report.Reason == refusal.NoHandler.Reason:
		return 0
	case !c.answered.IsZero():
		return c.answered.Sub(began)
	case c.writer.Hijacked():
		return 0 // nobody saw when the answer began
	}
	return time.Since(began)
}

// answersItself reports whether the answer is the gateway's own although it is no refusal: that of whoami, of a description, or of tollgate_keys.
func (c *call) answersItself() bool {
	if route := c.verdict.Match.Route; route != nil && (route.Whoami || route.MCP || route.Describes) {
		return true
	}
	return c.handler.app.manages && c.vars[managedVar] != nil
}

// logAccess gives the access log what it is to say of the request, where one is written. The log reads it later.
func (c *call) logAccess(report *envelope.Report, why *why) {
	ctx := c.request.Context()
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && server.Logs == nil {
		return
	}
	if extra, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		if c.entry = c.logged(report, why); c.inside != nil && c.inside.entry != nil {
			c.entry = c.inside.entry // one line for both
		}
		extra.Set(zap.Inline(c.entry))
	}
}

// logged is what logs tell of a request: who called, what was decided, why, and what the caller was told.
type logged struct {
	told
	id                  requestID
	key, decision, code string
	tool                bool
	why                 why
}

func (c *call) logged(report *envelope.Report, why *why) *logged {
	return &logged{c.told, c.id, c.keyID(), c.told.decision(report.Reason), string(report.Code), c.tool, *why}
}

// MarshalLogObject adds what is known.
func (l *logged) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	if l.id.made {
		enc.AddString("uuid", l.id.text) // as Caddy names it
	}
	enc.AddString("request_id", l.id.text)
	if identity := l.identity; identity != nil {
		enc.AddString("workspace", identity.Workspace.ID)
		enc.AddString("plan", identity.Workspace.Plan)
	}
	if l.key != "" {
		enc.AddString("key_id", l.key)
	}
	enc.AddString("route", l.pattern())
	if l.tool {
		enc.AddString("way", "mcp")
	}
	enc.AddString("decision", l.decision)
	enc.AddString("code", l.code)
	return l.why.MarshalLogObject(enc)
}

// log says what an operator must know: failures with their cause, at error level, and a plan that nobody configured.
// Refusals are the callers' affair: debug.
func (c *call) log(report *envelope.Report, why *why) {
	level, message := zapcore.DebugLevel, "request refused"
	switch {
	case report.Reason == "" && report.Backend == "" && report.Cause == nil && report.Dropped == 0:
		c.logUnknownPlan()
		return
	case report.ClientGone, report.Reason == refusal.ClientLeft.Reason:
		message = "client left"
	case report.Reason == refusal.PolicyBusy.Reason:
		if c.handler.app.busy.once(time.Now()) {
			level, message = zapcore.ErrorLevel, "policies are too slow for what is asked of them, requests are refused"
		}
	case report.Reason == refusal.CountersUnavailable.Reason, report.Reason == refusal.KeyStoreUnavailable.Reason:
		// An outage is one line of the store's own, not one a request.
	case report.Reason == refusal.MCPResult.Reason:
		// The caller asked for too much at once.
	case report.Status >= 500:
		level, message = zapcore.ErrorLevel, "request failed"
	case report.Unread != nil:
		message = "backend error not understood"
	case report.Source == envelope.SourceBackend:
		message = "backend refused"
	}
	if check := c.handler.logger.Check(level, message); check != nil {
		check.Write(zap.Inline(c.logged(report, why)), zap.Int("status", report.Status), zap.String("source", string(report.Source)),
			zap.Stringer("dropped", report.Dropped),
			zap.String("backend_said", c.sent.Scrub(report.Backend)), zap.NamedError("cause", report.Cause), c.unreadMembers(report))
	}
	c.logUnknownPlan()
}

// unreadMembers are the names of the members of an error that nobody understood, for the operator who can say what they are.
func (c *call) unreadMembers(report *envelope.Report) zap.Field {
	if report.Unread == nil || len(report.Unread.Members) == 0 {
		return zap.Skip()
	}
	names := make([]string, len(report.Unread.Members))
	for i, name := range report.Unread.Members {
		names[i] = c.sent.Scrub(name)
	}
	return zap.Strings("members", names)
}

// unknownPlanLines bounds the lines of logUnknownPlan: one workspace may send any number of requests.
var unknownPlanLines = lines.NewPerSecond(10)

// logUnknownPlan names a plan that is denied because no configuration knows it: most likely a typing error.
func (c *call) logUnknownPlan() {
	if c.verdict.Plan == nil || !c.verdict.Plan.Unknown || !unknownPlanLines.Take(time.Now()) {
		return
	}
	if check := c.handler.logger.Check(zapcore.WarnLevel, "plan is not configured and therefore denied"); check != nil {
		check.Write(zap.String("plan", c.verdict.Plan.Name), zap.String("workspace", c.verdict.Identity.Workspace.ID),
			zap.String("do", "write it into the global option: plan "+c.verdict.Plan.Name+" <limit>/<duration>, or denied "+c.verdict.Plan.Name))
	}
}

// why is all that is known of a refusal, for logs, metrics, traces and the status: never for the caller.
type why struct {
	// reason is one of gate.Reasons; empty: the gateway did not refuse.
	reason string
	// key is the id of the caller's key, or of the one that is expired, revoked or disabled.
	key string
	// file and line are the policy's rule that refused; empty: none did.
	file string
	line int
	// missing are the scopes that the key lacks.
	missing []string
	// trace is the id of the trace that Caddy's handler "tracing" began in front of the gate; not valid: there is none.
	trace trace.TraceID
}

// why is the one place that knows why a request was refused.
func (c *call) why(report *envelope.Report, trace trace.TraceID) why {
	w := why{reason: report.Reason, trace: trace}
	if c.verdict.Refusal != nil && c.verdict.Reason != "" {
		w.reason = c.verdict.Reason
		w.file, w.line, w.missing = c.verdict.Decision.File, c.verdict.Decision.Line, c.verdict.Decision.MissingScopes
	} else if report.Cause != nil {
		w.ofManagement(report)
	}
	if w.reason != "" {
		w.key = c.keyID()
	}
	return w
}

// ofManagement tells apart what tollgate_keys refuses in the way of authentication and policy.
func (w *why) ofManagement(report *envelope.Report) {
	if lacking, ok := errors.AsType[*keysapi.MissingScope](report.Cause); ok {
		w.reason, w.missing = gate.ReasonMissingScope, []string{lacking.Scope}
	}
	if report.Reason == refusal.Unauthorized.Reason {
		w.reason = gate.ReasonUnknownKey
		if unusable, ok := errors.AsType[*keystore.Unusable](report.Cause); ok {
			w.reason = unusable.State
		}
	}
}

// MarshalLogObject adds what is known, and nothing of what is not.
func (w why) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	if w.trace.IsValid() {
		enc.AddString("trace_id", w.trace.String())
	}
	if w.reason == "" {
		return nil
	}
	enc.AddString("reason", w.reason)
	if w.file != "" {
		enc.AddString("policy_file", w.file)
		enc.AddInt("policy_line", w.line)
	}
	if len(w.missing) > 0 {
		zap.Strings("missing_scopes", w.missing).AddTo(enc)
	}
	return nil
}

// keyID is the id of the caller's key, or of the one whose secret was sent and may not be used.
func (c *call) keyID() string {
	if identity := c.verdict.Identity; identity != nil {
		return identity.Key.ID
	}
	return c.verdict.RefusedKey
}

// seldom says something about once a minute that is true of very many requests.
type seldom struct{ last atomic.Int64 }

func (s *seldom) once(now time.Time) bool {
	last := s.last.Load()
	return now.UnixNano()-last > int64(time.Minute) && s.last.CompareAndSwap(last, now.UnixNano())
}
