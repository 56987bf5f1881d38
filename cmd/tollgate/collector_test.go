package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASmallHeapMayHoldMoreGarbage(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{
		0: 400, 20 << 20: 400, 64 << 20: 400, 128 << 20: 200, 256 << 20: 100, 4 << 30: 100, 1 << 62: 100,
	} {
		require.Equal(t, want, garbage(live), "%d MiB in use", live>>20)
	}
}

// TestGarbageIsCollectedSeldom of a gateway in a process of its own, unless its operator says how often.
func TestGarbageIsCollectedSeldom(t *testing.T) {
	t.Parallel()
	for gogc, want := range map[string]string{"": "400", "70": "70"} {
		t.Run("GOGC="+gogc, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, "\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}", "")
			g.env = append(g.env, "GOGC="+gogc, "GOMEMLIMIT=300MiB")
			g.must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			g.start(t)
			defer g.kill()
			text := g.metrics(t)
			require.Equal(t, want, regexp.MustCompile(`(?m)^go_gc_gogc_percent (\S+)$`).FindStringSubmatch(text)[1])
			require.Regexp(t, `(?m)^go_gc_gomemlimit_bytes 3.145728e\+08$`, text, "the limit holds beside it")
			g.kill()
			require.Equal(t, gogc == "", regexp.MustCompile(`collecting garbage less often.*"?gogc"?:\s?400`).MatchString(g.log.String()), "%s", g.log)
		})
	}
}

// metrics is the page of the admin endpoint.
func (g *gateway) metrics(t *testing.T) string {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://%s/metrics", g.admin))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
