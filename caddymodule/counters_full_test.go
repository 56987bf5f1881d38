package caddymodule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestAFullTableOfCountersSaysSo: a workspace that cannot be counted is refused until another one's window ends, as its
// Retry-After says; the log names the option, once; and the option mends it.
func TestAFullTableOfCountersSaysSo(t *testing.T) {
	for engine, counters := range map[string]string{"memory": "memory", "redis": "redis " + services.Redis(t).URL()} {
		t.Run(engine, func(t *testing.T) {
			defer func() { countersOption = "" }()
			setup := func(more string) harness.Setup {
				countersOption = "counters " + counters + " {\n" + more + "\n}\n"
				return limited("small 5/3s", "other 5/3s")
			}
			g := harness.Start(t, setup("max_workspaces 1"))
			require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Status)
			var wait int64
			for range 10 {
				a := g.Do(t, harness.Request{Path: "/plain", Key: one("other")})
				require.Equal(t, 503, a.Status)
				wait = a.Number(t, "Retry-After")
				require.True(t, 1 <= wait && wait <= 3, "%d", wait)
			}
			require.Equal(t, 1, strings.Count(g.ReadFile(t, "caddy.log"), "no further workspace can be counted"))
			<-time.After(time.Duration(wait) * time.Second)
			require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("other")}).Status, "as Retry-After said")
			require.Equal(t, 503, g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Status)
			require.NoError(t, g.Load(setup("max_workspaces 2").Caddyfile()))
			require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Status)
		})
	}
}
