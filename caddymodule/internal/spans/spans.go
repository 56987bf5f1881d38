// Package spans tells a request's trace what the gateway did: spans for its steps under the one that Caddy's handler
// "tracing" began in front of it. They are made when the request has ended, with the times that were measured anyway, so
// that a request which nobody traces costs nothing.
package spans

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
)

// scope is the name of the instrumentation in traces.
const scope = "github.com/tollgate-gateway/tollgate"

// The attributes, all of closed sets or from the configuration: never a key, a path, a query or a body.
const (
	routeKey      = attribute.Key("tollgate.route")
	planKey       = attribute.Key("tollgate.plan")
	decisionKey   = attribute.Key("tollgate.decision")
	codeKey       = attribute.Key("tollgate.code")
	reasonKey     = attribute.Key("tollgate.reason")
	rememberedKey = attribute.Key("tollgate.remembered")
	sourceKey     = attribute.Key("tollgate.source")
)

// Request is a request that came to its end.
type Request struct {
	Verdict *gate.Verdict
	// Decision is allowed, refused or public.
	Decision string
	// Status, Code and Reason are the answer's; Source is who is behind it.
	Status               int
	Code, Reason, Source string
	// Passed says that the handlers behind the gate had the request, until Ended.
	Passed bool
	Ended  time.Time
}

// Record adds the spans of the steps that ran to the request's span, and to that what became of the request. The span must
// be the one of ctx, and recording.
func Record(ctx context.Context, span trace.Span, r *Request) {
	v := r.Verdict
	named := []attribute.KeyValue{routeKey.String(route(v)), planKey.String(plan(v))}
	answer := answered(r)
	span.SetAttributes(append(append([]attribute.KeyValue{decisionKey.String(r.Decision)}, named...), answer...)...)
	if v.Began.IsZero() {
		return // the gate was not asked
	}
	tracer, began := span.TracerProvider().Tracer(scope), v.Began
	add := func(name string, began, ended time.Time, refused bool, more ...attribute.KeyValue) {
		more = append(more, named...)
		if refused {
			more = append(more, answer...)
		}
		_, step := tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithAttributes(more...))
		if refused && r.Status >= http.StatusInternalServerError {
			step.SetStatus(codes.Error, r.Reason)
		}
		step.End(trace.WithTimestamp(ended))
	}
	for step := gate.StepHygiene; step <= v.Step; step++ {
		ended, refused := began.Add(v.Took[step]), v.Refusal != nil && step == v.Step
		switch step {
		case gate.StepAuthenticate:
			add("tollgate.authenticate", began, ended, refused)
		case gate.StepPolicy:
			add("tollgate.policy", began, ended, refused, rememberedKey.Bool(v.Decision.Remembered))
		case gate.StepLimit:
			add("tollgate.limit", began, ended, refused, source(v)...)
		}
		began = ended
	}
	if r.Passed {
		add("tollgate.upstream", began, r.Ended, true, sourceKey.String(r.Source))
	}
}

// answered is what the caller was told, and why.
func answered(r *Request) (list []attribute.KeyValue) {
	if r.Code != "" {
		list = append(list, codeKey.String(r.Code))
	}
	if r.Reason != "" {
		list = append(list, reasonKey.String(r.Reason))
	}
	return list
}

// source is where the limit's verdict came from.
func source(v *gate.Verdict) []attribute.KeyValue {
	if !v.Counted {
		return nil
	}
	return []attribute.KeyValue{sourceKey.String(v.Charged.String())}
}

func route(v *gate.Verdict) string {
	if v.Match.Route == nil {
		return "none"
	}
	return v.Match.Route.Pattern
}

func plan(v *gate.Verdict) string {
	switch {
	case v.Plan == nil:
		return "none"
	case v.Plan.Unknown:
		return "unknown"
	}
	return v.Plan.Name
}
