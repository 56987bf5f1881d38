package gateway

import (
	"testing"
	"time"
)

// SetBodyTimeout makes bodies late sooner, until the test's end. Call it before the gateway is started.
func SetBodyTimeout(t *testing.T, timeout time.Duration) {
	given := bodyTimeout
	bodyTimeout = timeout
	t.Cleanup(func() { bodyTimeout = given })
}
