package gateway

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
)

// TestWhereNoSpanRecordsNothingIsAllocated has a request without a trace, and one whose trace is not sampled.
func TestWhereNoSpanRecordsNothingIsAllocated(t *testing.T) {
	unsampled := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
	}))
	for name, ctx := range map[string]context.Context{"no trace": t.Context(), "not sampled": unsampled} {
		c := &call{request: httptest.NewRequest("GET", "/", nil).WithContext(ctx), judgement: new(judgement)}
		report := envelope.Report{Status: 403, Reason: "unknown_route"}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			span := trace.SpanFromContext(ctx)
			why := c.why(&report, span.SpanContext().TraceID())
			c.trace(&report, &why, span)
		}), name)
	}
}
