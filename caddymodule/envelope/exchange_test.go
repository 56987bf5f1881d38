package envelope

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// limitHook does what the gateway does before anything leaves: its own headers in, the backend's copies out.
type limitHook struct {
	statuses []int
	trailers int
}

func (l *limitHook) BeforeHeader(status int, h http.Header) {
	l.statuses = append(l.statuses, status)
	h.Set("X-RateLimit-Limit", "60")
}

func (l *limitHook) BeforeTrailer(h http.Header) {
	l.trailers++
	for name := range h { // names with the prefix are not canonical as a whole
		if strings.EqualFold(name, http.TrailerPrefix+"X-RateLimit-Limit") {
			delete(h, name)
		}
	}
}

// outcome is what became of one exchange.
type outcome struct {
	*httptest.ResponseRecorder
	report    Report
	hook      *limitHook
	panicked  any
	cancelled *atomic.Bool
	sentEarly bool // something went out before Finish
}

// exchange runs a handler behind a Writer, as the gateway does.
func exchange(t testing.TB, o Options, handler func(w http.ResponseWriter) error) (out outcome) {
	t.Helper()
	if o.Mapper == nil {
		o.Mapper = newMapper(t)
	}
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	out.ResponseRecorder, out.hook, out.cancelled = httptest.NewRecorder(), new(limitHook), new(atomic.Bool)
	o.Hook = out.hook
	cancel := o.Cancel
	o.Cancel = func() {
		out.cancelled.Store(true)
		if cancel != nil {
			cancel()
		}
	}
	var w Writer
	w.Init(out.ResponseRecorder, o)
	defer func() { out.report = w.Report() }()
	defer func() { out.panicked = recover() }()
	panicked, err := run(&w, handler)
	out.sentEarly = w.Sent()
	w.Finish(err, panicked)
	return out
}

func run(w http.ResponseWriter, handler func(w http.ResponseWriter) error) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, handler(w)
}

// responds is a handler that answers as a backend did.
func responds(status int, contentType, body string, headers ...string) func(http.ResponseWriter) error {
	return func(w http.ResponseWriter) error {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, err := w.Write([]byte(body))
		return err
	}
}

// requireRefusal asserts that the gateway's own refusal went out.
func (o outcome) requireRefusal(t testing.TB, k *refusal.Kind, source Source) {
	t.Helper()
	status := k.Status
	require.Equal(t, status, o.Code)
	require.Equal(t, k.Code, requireEnvelope(t, o.Body.Bytes()).Error.Code)
	require.Equal(t, k.Reason, o.report.Reason)
	require.Equal(t, source, o.report.Source)
	require.Equal(t, status, o.report.Status)
	require.Equal(t, "no-store", o.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", o.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "application/json", o.Header().Get("Content-Type"))
	require.Equal(t, []string{"60"}, o.Header().Values("X-RateLimit-Limit"))
	require.Nil(t, o.panicked)
}

// requireMapped asserts that a backend's error went out in the envelope.
func (o outcome) requireMapped(t testing.TB, status int, code refusal.Code, message string) {
	t.Helper()
	require.Equal(t, status, o.Code)
	e := requireEnvelope(t, o.Body.Bytes())
	require.Equal(t, code, e.Error.Code)
	require.Equal(t, message, e.Error.Message)
	require.Equal(t, SourceBackend, o.report.Source)
	require.Equal(t, code, o.report.Code)
	require.Equal(t, status, o.report.Status)
	require.Equal(t, []string{"60"}, o.Header().Values("X-RateLimit-Limit"))
	require.Nil(t, o.panicked)
}

// requireUntouched asserts that a backend's answer went out as it was, while it came.
func (o outcome) requireUntouched(t testing.TB, status int, body string) {
	t.Helper()
	require.True(t, o.sentEarly, "nothing is held back")
	require.Equal(t, status, o.Code)
	require.Equal(t, body, o.Body.String())
	require.Equal(t, []string{"60"}, o.Header().Values("X-RateLimit-Limit"))
	require.Nil(t, o.panicked)
	require.False(t, o.cancelled.Load())
}

// left is a context whose client has gone.
func left() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
