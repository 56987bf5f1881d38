package headers_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/headers"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// TestOursInAnySpelling has a backend say our names in every way that a client might take for them.
func TestOursInAnySpelling(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-Request-Id", "x-request-id", "X_Request_Id", "x.request.id", "Trailer:X-Request-Id", "X-Tollgate-Secret-Ends", "X_TOLLGATE_SECRET_ENDS",
		"RateLimit", "ratelimit", "Rate-Limit", "-RateLimit", "_ratelimit", ".X-RateLimit-Limit", "X-RateLimit-Remaining", "XRateLimitReset",
		"RateLimit-Policy", "Trailer:RateLimit", "Trailer:-x-ratelimit-mode",
	} {
		h := http.Header{name: {"the backend's"}}
		var ours headers.Ours
		ours.Make(&limits.State{}, "id", "")
		ours.Set(h)
		require.Equal(t, http.Header{"X-Request-Id": {"id"}}, h, name)
	}
	for _, name := range []string{"", "Content-Type", "Retry-After", "Rate", "X-Request-Ids", "T", "X", "Trailer:Checksum"} {
		h := http.Header{name: {"the backend's"}}
		var ours headers.Ours
		ours.Set(h)
		require.Contains(t, h, name)
	}
}
