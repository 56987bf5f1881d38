package limits_test

import (
	"testing"

	"github.com/ulule/limiter/v3/drivers/store/tests"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/limitstest"
)

// TestConformance runs ulule/limiter's own suite for stores.
func TestConformance(t *testing.T) {
	t.Run("sequential", func(t *testing.T) {
		tests.TestStoreSequentialAccess(t, limitstest.NewStore(limits.NewMemory(limits.MemoryOptions{}), "sequential"))
	})
	t.Run("concurrent", func(t *testing.T) {
		tests.TestStoreConcurrentAccess(t, limitstest.NewStore(limits.NewMemory(limits.MemoryOptions{}), "concurrent"))
	})
}
