package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// TestAnAgentsSession is what an agent does that knows nothing but the address: read SKILL.md, list, create with a
// mistake, read details, correct it, hit the limit, wait for Retry-After, go on.
func TestAnAgentsSession(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			skill := g.Do(t, harness.Request{Path: agentapi.Base + "/SKILL.md"})
			require.Equal(t, http.StatusOK, skill.Status)
			require.Contains(t, skill.Header.Get("Content-Type"), "text/markdown")
			require.Contains(t, skill.Body, "Base URL: `http://"+g.Addr+"`.", "SKILL.md names the gateway's address")
			mine := g.Do(t, get("/SKILL.md", agent)).Body
			require.Contains(t, mine, "### POST /api/v2/agent/leads\n")
			require.NotContains(t, mine, "/analytics/summary", "a key reads of its own")

			list := g.Do(t, get("/leads?limit=2", agent))
			require.Equal(t, http.StatusOK, list.Status, list.Body)
			require.Len(t, decode[answer[[]any]](t, list.Body).Data, 2)

			wrong := g.Do(t, post("/leads", agent, `{"lastName": "Almeida", "status": "contcted", "score": 300}`))
			require.Equal(t, http.StatusBadRequest, wrong.Status)
			why := details(t, wrong)
			require.Equal(t, "Required", why["firstName"])
			require.Contains(t, why["status"], "contacted", "the details say what may stand there")
			require.Contains(t, why, "score")

			right := g.Do(t, post("/leads", agent, `{"firstName": "Ana", "lastName": "Almeida", "status": "contacted", "score": 30}`))
			require.Equal(t, http.StatusCreated, right.Status, right.Body)
			id := decode[answer[struct{ ID string }]](t, right.Body).Data.ID

			limited := untilLimited(t, g)
			<-time.After(time.Duration(limited.Number(t, "Retry-After")) * time.Second)
			again := g.Do(t, get("/leads/"+id, agent))
			require.Equal(t, http.StatusOK, again.Status, "granted after Retry-After: %s", again.Body)
			require.Equal(t, int64(7), again.Number(t, "X-RateLimit-Remaining"))
		})
	}
}

// untilLimited spends what is left of the window and gives the refusal.
func untilLimited(t *testing.T, g *harness.Gateway) *harness.Answer {
	t.Helper()
	for range 1000 {
		a := g.Do(t, get("/leads?limit=1", agent))
		if a.Status == http.StatusOK {
			continue
		}
		require.Equal(t, http.StatusTooManyRequests, a.Status, a.Body)
		a.CheckEnvelope(t, "RATE_LIMITED", false)
		wait := a.Number(t, "Retry-After")
		require.Equal(t, map[string]any{"retry_after_seconds": float64(wait)}, details(t, a))
		require.GreaterOrEqual(t, wait, int64(1))
		require.LessOrEqual(t, wait, int64(2))
		require.Equal(t, int64(0), a.Number(t, "X-RateLimit-Remaining"))
		require.Equal(t, int64(8), a.Number(t, "X-RateLimit-Limit"))
		return a
	}
	require.FailNow(t, "no limit was ever reached")
	return nil
}
