package gateway

import (
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// end frees the request and tells logs and metrics what became of it. It runs in a panic as well.
func (c *call) end() {
	c.linger()
	c.cancel()
	report := c.writer.Report()
	code := "ok"
	if report.Code != "" {
		code = string(report.Code)
	}
	if c.answersItself() {
		report.Source = envelope.SourceGateway
	}
	meters.count(&c.verdict, code, string(report.Source), c.reason(&report))
	c.remember(&report)
	if report.Unread != nil {
		meters.unread.WithLabelValues(routePattern(&c.verdict), string(report.Unread.Kind)).Inc()
	}
	if extra, ok := c.request.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.Inline(c))
	}
	c.log(&report)
	c.logDecision()
}

// reason is why the gateway refused; empty: it did not.
func (c *call) reason(report *envelope.Report) string {
	if c.verdict.Refusal != nil && c.verdict.Reason != "" {
		return c.verdict.Reason
	}
	return report.Reason
}

// answersItself reports whether the answer is the gateway's own although it is no refusal: that of whoami, or of tollgate_keys.
func (c *call) answersItself() bool {
	if route := c.verdict.Match.Route; route != nil && route.Whoami {
		return true
	}
	return c.handler.app.manages && caddyhttp.GetVar(c.request.Context(), managedVar) != nil
}

// logDecision writes the decision log: who asked for what and what policy said, never a secret, a query or a body.
func (c *call) logDecision() {
	if c.verdict.Decision.Generation == 0 {
		return // nobody decided: a body, say, was refused before policy was asked
	}
	check := c.handler.decisions.Check(zapcore.DebugLevel, "decision")
	if check == nil {
		return
	}
	d := &c.verdict.Decision
	check.Write(zap.String("request_id", c.id[0]), zap.String("workspace", c.verdict.Identity.Workspace.ID),
		zap.String("key_id", c.verdict.Identity.Key.ID), zap.String("method", c.facts.Method), zap.String("route", routePattern(&c.verdict)),
		zap.Bool("allow", d.Allow), zap.String("code", d.Code), zap.Uint64("generation", d.Generation), zap.Bool("remembered", d.Remembered))
}

// MarshalLogObject adds to the access log who called, what was decided and what the caller was told.
func (c *call) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("request_id", c.id[0])
	if identity := c.verdict.Identity; identity != nil {
		enc.AddString("workspace", identity.Workspace.ID)
		enc.AddString("plan", identity.Workspace.Plan)
		enc.AddString("key_id", identity.Key.ID)
	} else if c.verdict.RefusedKey != "" {
		enc.AddString("key_id", c.verdict.RefusedKey)
	}
	enc.AddString("route", routePattern(&c.verdict))
	enc.AddString("decision", decision(&c.verdict))
	report := c.writer.Report()
	enc.AddString("code", string(report.Code))
	if reason := c.reason(&report); reason != "" {
		enc.AddString("reason", reason)
	}
	if scopes := c.verdict.Decision.MissingScopes; len(scopes) > 0 {
		zap.Strings("missing_scopes", scopes).AddTo(enc)
	}
	return nil
}

// log says what an operator must know: failures with their cause, at error level, and a plan that nobody configured.
// Refusals are the callers' affair: debug.
func (c *call) log(report *envelope.Report) {
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
	case report.Status >= 500:
		level, message = zapcore.ErrorLevel, "request failed"
	case report.Unread != nil:
		message = "backend error not understood"
	case report.Source == envelope.SourceBackend:
		message = "backend refused"
	}
	if check := c.handler.logger.Check(level, message); check != nil {
		check.Write(zap.Inline(c), zap.Int("status", report.Status), zap.String("source", string(report.Source)),
			zap.Stringer("dropped", report.Dropped),
			zap.String("backend_said", c.sent.scrub(report.Backend)), zap.NamedError("cause", report.Cause), c.unreadMembers(report))
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
		names[i] = c.sent.scrub(name)
	}
	return zap.Strings("members", names)
}

// logUnknownPlan names a plan that is denied because no configuration knows it: most likely a typing error.
func (c *call) logUnknownPlan() {
	if c.verdict.Plan == nil || !c.verdict.Plan.Unknown {
		return
	}
	if check := c.handler.logger.Check(zapcore.WarnLevel, "plan is not configured and therefore denied"); check != nil {
		check.Write(zap.String("plan", c.verdict.Plan.Name), zap.String("workspace", c.verdict.Identity.Workspace.ID))
	}
}

// seldom says something about once a minute that is true of very many requests.
type seldom struct{ last atomic.Int64 }

func (s *seldom) once(now time.Time) bool {
	last := s.last.Load()
	return now.UnixNano()-last > int64(time.Minute) && s.last.CompareAndSwap(last, now.UnixNano())
}
