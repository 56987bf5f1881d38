package gateway

import (
	"errors"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

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
func (c *call) why(report *envelope.Report) why {
	w := why{reason: report.Reason, trace: trace.SpanContextFromContext(c.request.Context()).TraceID()}
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
