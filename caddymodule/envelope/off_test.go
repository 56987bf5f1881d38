package envelope

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func offMapper(t testing.TB) *Mapper {
	m, err := NewMapper(Config{Off: true, MaxBody: DefaultMaxBody})
	require.NoError(t, err)
	return m
}

// repeats finds one secret.
func repeats(body []byte) bool { return bytes.Contains(body, []byte("s3cret")) }

// TestOffPassesErrors: as they are, held or not, but for the limit headers.
func TestOffPassesErrors(t *testing.T) {
	for name, secret := range map[string]func([]byte) bool{"nothing is injected": nil, "secrets are injected": repeats} {
		for _, status := range []int{400, 404, 422, 429, 500, 503} {
			t.Run(name, func(t *testing.T) {
				body := string(encoded(t, "gzip", strings.NewReader("<h1>10.0.0.5:27017</h1>")))
				o := exchange(t, Options{Mapper: offMapper(t), Secret: secret, Credential: true},
					responds(status, "text/html", body, "Content-Encoding", "gzip", "Etag", `"x"`, "X-Debug", "y", "X-RateLimit-Limit", "9"))
				require.Equal(t, secret == nil, o.sentEarly)
				require.Equal(t, status, o.Code)
				require.Equal(t, body, o.Body.String())
				for field, want := range map[string]string{"Content-Encoding": "gzip", "Etag": `"x"`, "X-Debug": "y", "Content-Type": "text/html", "X-RateLimit-Limit": "60"} {
					require.Equal(t, want, o.Header().Get(field))
				}
				require.Equal(t, refusal.CodeOf(status), o.report.Code)
				require.Equal(t, 1, o.hook.trailers)
				require.Empty(t, o.report.Backend)
			})
		}
	}
}

func TestOffKeepsTwoRules(t *testing.T) {
	m := offMapper(t)
	o := exchange(t, Options{Mapper: m, Credential: true}, responds(401, "text/plain", "bad token", "Www-Authenticate", "Basic"))
	o.requireRefusal(t, refusal.UpstreamCredential, SourceBackend)
	require.Empty(t, o.Header().Get("Www-Authenticate"))
	o = exchange(t, Options{Mapper: m, Credential: true, Method: "HEAD"}, responds(401, "", ""))
	require.Equal(t, 502, o.Code)
	o = exchange(t, Options{Mapper: m}, responds(401, "text/plain", "bad key", "Www-Authenticate", "Basic"))
	require.Equal(t, "bad key", o.Body.String(), "the caller's own credential")

	for name, body := range map[string]string{
		"repeats a secret":    "token s3cret is bad",
		"too long to be told": strings.Repeat("x", DefaultMaxBody+1),
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{404, 500} {
				o := exchange(t, Options{Mapper: m, Secret: repeats}, responds(status, "text/plain", body))
				o.requireMapped(t, status, refusal.CodeOf(status), refusal.CodeOf(status).Message())
			}
		})
	}
	o = exchange(t, Options{Mapper: m, Secret: repeats}, responds(400, "text/plain", string(encoded(t, "br", strings.NewReader("s3cret"))), "Content-Encoding", "br"))
	o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
	o = exchange(t, Options{Mapper: m, Secret: repeats}, responds(400, "text/plain", "??", "Content-Encoding", "unknown"))
	o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
	synctest.Test(t, func(t *testing.T) {
		o := exchange(t, Options{Mapper: m, Secret: repeats}, func(w http.ResponseWriter) error {
			w.WriteHeader(400)
			<-time.After(bodyTimeout + time.Second)
			return nil
		})
		o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
		require.Equal(t, DroppedLate, o.report.Dropped)
	})
}

// What no handler or net/http could send stays ours, and so do refusals, failures of later handlers and successes.
func TestOffIsAboutTheBackendsErrors(t *testing.T) {
	m := offMapper(t)
	for _, secret := range []func([]byte) bool{nil, repeats} {
		o := exchange(t, Options{Mapper: m, Secret: secret}, responds(999, "", "x"))
		o.requireRefusal(t, refusal.UpstreamMalformed, SourceBackend)
		o = exchange(t, Options{Mapper: m, Secret: secret}, func(http.ResponseWriter) error { return &refusal.Refusal{Kind: refusal.UpstreamTimeout} })
		o.requireRefusal(t, refusal.UpstreamTimeout, SourceCaddy)
		o = exchange(t, Options{Mapper: m, Secret: secret}, responds(200, "application/json", `{"success":false,"token":"s3cret"}`))
		o.requireUntouched(t, 200, `{"success":false,"token":"s3cret"}`)
	}
	o := exchange(t, Options{Mapper: m, Secret: repeats, Method: "HEAD"}, responds(404, "text/html", "", "Content-Length", "99999", "Etag", "x"))
	require.Equal(t, "99999", o.Header().Get("Content-Length"))
	require.Equal(t, "x", o.Header().Get("Etag"))
}

func TestOffKeepsTrailersOfWhatIsHeld(t *testing.T) {
	backend, _ := rawBackend(t, says("HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nContent-Type: text/plain\r\n\r\n2\r\nno\r\n0\r\nX-Sum: abc\r\n\r\n"))
	for _, secret := range []func([]byte) bool{nil, repeats} {
		g := newGateway(offMapper(t), proxyTo(backend))
		g.secret = secret
		over(t, g, func(t *testing.T, c client) {
			res, body, err := c.do(t, http.MethodGet)
			require.NoError(t, err)
			require.Equal(t, 404, res.StatusCode)
			require.Equal(t, "no", string(body))
			require.Equal(t, "text/plain", res.Header.Get("Content-Type"))
			require.Empty(t, res.Header.Get("X-Sum"), "a trailer is not a header")
			require.Equal(t, "abc", res.Trailer.Get("X-Sum"))
			<-g.reports
		})
	}
}
