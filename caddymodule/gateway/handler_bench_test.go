package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// alone is a site's gate without anything around it: its handler is called as Caddy's server would.
type alone struct {
	handler *gateway.Handler
	server  *caddyhttp.Server
}

// startAlone loads a gateway with memory counters and no access log, and finds the handler in it.
func startAlone(t testing.TB) *alone {
	t.Helper()
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	require.NoError(t, g.Load(`{
	admin off
	persist_config off
	auto_https off
	log default {
		output discard
	}
	tollgate {
		keys file $DIR/keys.yaml
		plan big 1000000000/1m
		refusal_throttle off
		auth_throttle off
	}
}
http://:$PORT {
	tollgate {
		route GET /leads agent.leads.read
		route GET /leads/:id agent.leads.read
		route GET /forbidden nobody.holds.this
	}
}
`))
	app, err := caddy.ActiveContext().App("http")
	require.NoError(t, err)
	for _, server := range app.(*caddyhttp.App).Servers {
		for _, route := range server.Routes {
			for _, handler := range route.Handlers {
				if h, ok := handler.(*gateway.Handler); ok {
					return &alone{h, server}
				}
			}
		}
	}
	t.Fatal("the configuration has no gate")
	return nil
}

// exchange is a request that Caddy's server has made ready, and who records its answer. The maps of both headers have grown.
type exchange struct {
	request  *http.Request
	recorder *recorder
	end      context.CancelFunc // the server calls it afterwards
}

// recorder takes an answer without keeping its body.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }

// grown is a map with room for what the gate adds.
func grown() http.Header {
	h := make(http.Header, 32)
	for i := range 24 {
		h[string(rune('a'+i))] = nil
	}
	clear(h)
	return h
}

// exchange makes a request ready. It is used once.
func (a *alone) exchange(path, secret string) exchange {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	ctx, end := context.WithCancel(context.Background()) // as the server's
	r = r.WithContext(ctx)
	r.Header = grown()
	r.Header["User-Agent"], r.Header["Accept"] = []string{"bench"}, []string{"*/*"}
	if secret != "" {
		r.Header["Authorization"] = []string{"Bearer " + secret}
	}
	w := &recorder{header: grown()}
	w.header["Server"] = []string{"Caddy"}
	return exchange{caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, a.server), w, end}
}

// serve takes the request through the gate. Nobody stands behind it.
func (a *alone) serve(x *exchange) error {
	return a.handler.ServeHTTP(x.recorder, x.request, nothing)
}

var nothing = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// handled are requests, and the most allocations that one may cost.
var handled = []struct {
	name, path, secret string
	status             int
	most               float64
}{
	{"200", "/leads/l1", harness.CRM, http.StatusOK, 14},
	{"401", "/leads/l1", harness.Unknown, http.StatusUnauthorized, 9},
	{"403", "/forbidden", harness.CRM, http.StatusForbidden, 12},
}

// TestAllocationsOfARequest holds what the whole handler allocates for a request, beside what Caddy and the backend do. Counts are
// the same on every machine; what they are made of stands at BenchmarkHandler.
func TestAllocationsOfARequest(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates as well")
	}
	a := startAlone(t)
	for _, c := range handled {
		t.Run(c.name, func(t *testing.T) {
			const rounds, warm = 500, 100
			exchanges := make([]exchange, warm+rounds+1)
			for i := range exchanges {
				exchanges[i] = a.exchange(c.path, c.secret)
			}
			next := 0
			serve := func() {
				_ = a.serve(&exchanges[next])
				next++
			}
			for range warm { // what is made once is made now
				serve()
			}
			require.Equal(t, c.status, exchanges[0].recorder.status)
			require.LessOrEqual(t, testing.AllocsPerRun(rounds, serve), c.most)
		})
	}
}

// BenchmarkHandler is what the gate costs a request: fresh requests and recorders are made while the clock stands.
func BenchmarkHandler(b *testing.B) {
	a := startAlone(b)
	for _, c := range handled {
		b.Run(c.name, func(b *testing.B) {
			exchanges := make([]exchange, 512)
			b.ReportAllocs()
			for n := 0; n < b.N; n++ {
				if n%len(exchanges) == 0 {
					b.StopTimer()
					for i := range exchanges {
						exchanges[i] = a.exchange(c.path, c.secret)
					}
					b.StartTimer()
				}
				if a.serve(&exchanges[n%len(exchanges)]) != nil {
					b.Fatal("an error")
				}
			}
		})
	}
}
