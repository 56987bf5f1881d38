package caddymodule_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestSuccessesEverywhere: what the gateway says on every answer is on those that it passes on as well, once and not the
// backend's, whenever the protocol or encode lets the header go: a short answer's leaves after the handlers are done.
func TestSuccessesEverywhere(t *testing.T) {
	successes := map[string]struct {
		status int
		answer func(http.ResponseWriter)
	}{
		"short":                  {200, func(w http.ResponseWriter) { _, _ = io.WriteString(w, "hello") }},
		"longer than any buffer": {200, func(w http.ResponseWriter) { _, _ = io.WriteString(w, strings.Repeat("hello ", 1<<15)) }},
		"empty":                  {200, func(w http.ResponseWriter) { w.Header().Set("Content-Length", "0") }},
		"empty, chunked":         {200, func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }},
		"JSON":                   {201, func(w http.ResponseWriter) { writeJSON(w, 201, `{"success":true}`) }},
		"JSON, undecided":        {200, func(w http.ResponseWriter) { writeJSON(w, 200, `{"rows":[]}`) }},
		"no content":             {204, func(w http.ResponseWriter) { w.WriteHeader(204) }},
		"redirection":            {302, func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(302) }},
		"not modified":           {304, func(w http.ResponseWriter) { w.Header().Set("Etag", `"x"`); w.WriteHeader(304) }},
		"early hints":            {200, func(w http.ResponseWriter) { w.WriteHeader(103); _, _ = io.WriteString(w, "hello") }},
		"trailers": {200, func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "X-Ratelimit-Limit, X-Request-Id, X-Fine")
			_, _ = io.WriteString(w, "hello")
			for _, name := range []string{"X-Ratelimit-Limit", "X-Request-Id", "X-Fine"} {
				w.Header().Set(name, "of the trailer")
			}
		}},
		"trailers that nobody announced": {200, func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "hello")
			_ = http.NewResponseController(w).Flush()
			for _, name := range []string{"X-Ratelimit-Limit", "X-Request-Id", "X-Fine"} {
				w.Header().Set(http.TrailerPrefix+name, "of the trailer")
			}
		}},
	}
	setup := harness.World()
	setup.Gate += "errors {\n soft_failures\n}\n"
	everywhere(t, setup, func(t *testing.T, g *harness.Gateway, proto harness.Proto) {
		for name, success := range successes {
			g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
				for _, ours := range []string{"X-Ratelimit-Limit", "x_ratelimit_remaining", "Ratelimit", "X-Request-Id", "x_request.id"} {
					w.Header()[ours] = []string{"7", "8"}
				}
				success.answer(w)
			})
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				g.Run(t, []harness.Case{{
					Name:    method + "/" + name,
					Request: harness.Request{Method: method, Path: "/leads", Key: harness.CRM, Proto: proto},
					Status:  success.status, Hits: 1, Limits: harness.Workspace,
					Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
						require.Equal(t, "100000", a.Header.Get("X-Ratelimit-Limit"))
						require.Equal(t, seen[0].Header["X-Request-Id"], a.Header["X-Request-Id"])
						for _, spelling := range []string{"x_ratelimit_remaining", "X_ratelimit_remaining", "x_request.id", "X_request.id"} {
							require.NotContains(t, a.Header, spelling)
						}
						for name := range a.Trailer {
							require.Equal(t, "X-Fine", name, "trailers")
						}
					},
				}})
			}
		}
	})
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
