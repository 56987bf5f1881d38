package redis_test

import (
	"testing"

	"github.com/ulule/limiter/v3/drivers/store/tests"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits/limitstest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestConformance runs ulule/limiter's own suite for stores.
func TestConformance(t *testing.T) {
	server := services.Redis(t)
	t.Run("sequential", func(t *testing.T) {
		e, _ := newEngine(t, server.URL(), patient)
		tests.TestStoreSequentialAccess(t, limitstest.NewStore(e, "sequential"))
	})
	t.Run("concurrent", func(t *testing.T) {
		e, _ := newEngine(t, server.URL(), patient)
		tests.TestStoreConcurrentAccess(t, limitstest.NewStore(e, "concurrent"))
	})
}
