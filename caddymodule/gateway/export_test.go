package gateway

import (
	"testing"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inner"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
)

// SetDecisionLines bounds the decision log to so many lines a second, until the test's end. Call it before the gateway is started.
func SetDecisionLines(t *testing.T, most int) {
	given := decisionLines
	decisionLines = lines.NewPerSecond(most)
	t.Cleanup(func() { decisionLines = given })
}

// SetPatience makes answers of tools late sooner, until the test's end. Call it before the gateway is started.
func SetPatience(t *testing.T, stream, whole time.Duration) {
	given := patience
	patience = inner.Patience{Stream: stream, Whole: whole}
	t.Cleanup(func() { patience = given })
}

// SetBodyTimeout makes bodies late sooner, until the test's end. Call it before the gateway is started.
func SetBodyTimeout(t *testing.T, timeout time.Duration) {
	given := bodyTimeout
	bodyTimeout = timeout
	t.Cleanup(func() { bodyTimeout = given })
}
