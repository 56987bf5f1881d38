package caddymodule_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dunglas/httpsfv"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// visited is a gateway with public routes that are limited, behind a proxy that it trusts.
func visited(limit string) harness.Setup {
	setup := harness.World()
	setup.Servers = "trusted_proxies static 127.0.0.1/8"
	setup.Gate = strings.Replace(setup.Gate, "public GET /public\n", "public GET /public {\n\tlimit "+limit+"\n}\n", 1)
	setup.Gate = strings.Replace(setup.Gate, "public GET,POST /open/*\n", "public GET,POST /open/* {\n\tlimit 1/1h\n}\ndecisions refusals\n", 1)
	return setup
}

// visit is a request of a public route from an address.
func visit(method, path, address string) harness.Request {
	return harness.Request{Method: method, Path: path, Header: harness.Header("X-Forwarded-For", address)}
}

func TestAPublicRouteLimitsEachAddress(t *testing.T) {
	const a, b = "203.0.113.7", "203.0.113.8"
	g := harness.Start(t, visited("3/1m"))
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-RateLimit-Limit", "of the backend") })
	granted := func(name string, r harness.Request, left int64) harness.Case {
		return harness.Case{
			Name: name, Request: r, Status: 200, Hits: 1, Limits: harness.PublicLimit,
			Check: func(t *testing.T, answer *harness.Answer, _ []harness.Seen) {
				require.Equal(t, left, answer.Number(t, "X-Ratelimit-Remaining"))
				require.Equal(t, left, publicOf(t, answer.Header, "RateLimit", "r"))
				require.Equal(t, answer.Number(t, "X-Ratelimit-Limit"), publicOf(t, answer.Header, "RateLimit-Policy", "q"))
			},
		}
	}
	refused := func(name string, r harness.Request) harness.Case {
		return harness.Case{
			Name: name, Request: r, Status: 429, Code: "RATE_LIMITED", Limits: harness.PublicLimit,
			Check: func(t *testing.T, answer *harness.Answer, _ []harness.Seen) {
				wait := answer.Number(t, "Retry-After")
				require.Positive(t, wait)
				if r.Method != http.MethodHead {
					require.JSONEq(t, fmt.Sprintf(`{"retry_after_seconds":%d}`, wait), string(answer.Envelope(t).Error.Details))
				}
			},
		}
	}
	keyed := visit("GET", "/public", a)
	keyed.Key = harness.CRM
	g.Run(t, []harness.Case{
		granted("the first", visit("GET", "/public", a), 2),
		granted("HEAD counts as GET", visit("HEAD", "/public", a), 1),
		granted("a key changes nothing", keyed, 0),
		refused("one too many", visit("GET", "/public", a)),
		refused("one too many, by HEAD", visit("HEAD", "/public", a)),
		refused("one too many, with a key", keyed),
		granted("another address", visit("GET", "/public", b), 2),
		granted("an IPv4 address in IPv6 is the same", visit("GET", "/public", "::ffff:"+b), 1),
		granted("another route", visit("POST", "/open/x", a), 0),
		refused("another method of that route", visit("GET", "/open/y", a)),
		granted("an IPv6 address", visit("GET", "/public", "2001:db8::1"), 2),
		granted("its neighbour", visit("GET", "/public", "2001:db8::ffff:1"), 1),
		granted("its neighbour", visit("GET", "/public", "2001:db8::ffff:2"), 0),
		refused("all of its /64", visit("GET", "/public", "2001:db8::3")),
		granted("the next /64", visit("GET", "/public", "2001:db8:0:1::1"), 2),
		{Name: "and the rest of the API", Request: harness.Request{Path: "/plain", Key: harness.CRM, Header: harness.Header("X-Forwarded-For", a)}, Status: 200, Hits: 1, Limits: harness.Workspace},
	})
	require.NoError(t, g.Load(visited("5/1m").Caddyfile()))
	g.Run(t, []harness.Case{
		granted("a reload keeps the counts, and the limit changes at once", visit("GET", "/public", a), 1),
		refused("on the other route too", visit("GET", "/open/x", a)),
	})
	require.NoError(t, g.Load(visited("2/1m").Caddyfile()))
	last := g.Do(t, visit("GET", "/public", a))
	require.Equal(t, http.StatusTooManyRequests, last.Status)
	harness.AccessLine(t, g, last.Header.Get("X-Request-Id"))
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), `"msg":"decision"`, last.Header.Get("X-Request-Id"), `"decision":"refused"`,
		`"reason":"address_over_limit"`, `"client_ip":"203.0.113.7"`, `"route":"/public"`), "the decision log says why")
}

// publicOf reads a parameter of the only item in a field, as a client would.
func publicOf(t *testing.T, h http.Header, field, parameter string) int64 {
	t.Helper()
	list, err := httpsfv.UnmarshalList(h.Values(field))
	require.NoError(t, err)
	require.Len(t, list, 1)
	item := list[0].(httpsfv.Item)
	require.Equal(t, "public", item.Value)
	value, found := item.Params.Get(parameter)
	require.True(t, found)
	return value.(int64)
}

// TestNobodyChoosesTheAddressThatCounts: without a trusted proxy it is the peer's, whatever a client says; and with any number of
// connections at once no more are let through than the limit says.
func TestNobodyChoosesTheAddressThatCounts(t *testing.T) {
	setup := visited("50/1h")
	setup.Servers = ""
	g := harness.Start(t, setup)
	var all sync.WaitGroup
	var granted, refused, next atomic.Int64
	for range 64 {
		all.Go(func() {
			for range 10 {
				answer, err := g.Try(visit("GET", "/public", fmt.Sprintf("198.51.100.%d", next.Add(1)%250)))
				switch {
				case err != nil:
				case answer.Status == http.StatusOK:
					granted.Add(1)
				case answer.Status == http.StatusTooManyRequests:
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, []int64{50, 590}, []int64{granted.Load(), refused.Load()})
	require.Len(t, g.Backend.Seen(), 50)
}
