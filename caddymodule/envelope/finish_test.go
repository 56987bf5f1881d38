package envelope

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// afterHeader writes the beginning of a stream and then does what it is told.
func afterHeader(then func() error) func(http.ResponseWriter) error {
	return func(w http.ResponseWriter) error {
		w.WriteHeader(200)
		_, _ = w.Write([]byte("half a"))
		return then()
	}
}

func TestFinishBeforeTheHeader(t *testing.T) {
	secret := errors.New("dial tcp 10.0.0.7:9000: connection refused")
	tests := []struct {
		name    string
		handler func(http.ResponseWriter) error
		kind    *refusal.Kind
	}{
		{"refusal", func(http.ResponseWriter) error { return &refusal.Refusal{Kind: refusal.NoHandler} }, refusal.NoHandler},
		{"wrapped refusal", func(http.ResponseWriter) error { return fmt.Errorf("x: %w", refusal.HandlerError(502, secret)) }, refusal.UpstreamUnreachable},
		{"any error", func(http.ResponseWriter) error { return secret }, refusal.Internal},
		{"panic", func(http.ResponseWriter) error { panic("boom at 10.0.0.7") }, refusal.Panic},
		{"panic with an error", func(http.ResponseWriter) error { panic(secret) }, refusal.Panic},
		{"panic with what cannot be compared", func(http.ResponseWriter) error { panic([]string{"10.0.0.7"}) }, refusal.Panic},
		{"error after an error's header", func(w http.ResponseWriter) error {
			w.WriteHeader(404)
			return &refusal.Refusal{Kind: refusal.UpstreamTimeout}
		}, refusal.UpstreamTimeout},
		{"panic after an error's header", func(w http.ResponseWriter) error { w.WriteHeader(404); panic("10.0.0.7") }, refusal.Panic},
		{"panic while a success is looked at", func(w http.ResponseWriter) error {
			_ = responds(200, "application/json", `{"a":`)(w)
			panic("10.0.0.7")
		}, refusal.Panic},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := exchange(t, Options{}, tt.handler)
			o.requireRefusal(t, tt.kind, SourceCaddy)
			require.NotContains(t, o.Body.String(), "10.0.0.7")
			if tt.kind == refusal.Panic || tt.kind == refusal.Internal {
				require.ErrorContains(t, o.report.Cause, "10.0.0.7", "the log gets it")
			}
		})
	}
}

func TestFinishAfterTheHeader(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name  string
		then  func() error
		panic any
	}{
		{"nothing", func() error { return nil }, nil},
		{"abort", func() error { panic(http.ErrAbortHandler) }, http.ErrAbortHandler},
		{"panic", func() error { panic(boom) }, boom},
		{"error cuts the stream", func() error { return boom }, http.ErrAbortHandler},
		{"refusal cuts the stream", func() error { return &refusal.Refusal{Kind: refusal.UpstreamTimeout} }, http.ErrAbortHandler},
		{"body that is not allowed", func() error { return fmt.Errorf("x: %w", http.ErrBodyNotAllowed) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := exchange(t, Options{}, afterHeader(tt.then))
			require.Equal(t, tt.panic, o.panicked)
			require.Equal(t, "half a", o.Body.String(), "no envelope in the middle")
			require.Equal(t, 200, o.report.Status)
			require.Equal(t, []int{200}, o.hook.statuses)
		})
	}
}

func TestAbortBeforeTheHeader(t *testing.T) {
	o := exchange(t, Options{}, func(http.ResponseWriter) error { panic(http.ErrAbortHandler) })
	require.Equal(t, http.ErrAbortHandler, o.panicked)
	require.Empty(t, o.hook.statuses, "nothing was sent")
}

func TestNothingWritten(t *testing.T) {
	o := exchange(t, Options{}, func(http.ResponseWriter) error { return nil })
	require.Equal(t, 200, o.Code)
	require.Equal(t, []int{200}, o.hook.statuses, "an implied header is a header")
	require.Equal(t, SourceBackend, o.report.Source)
}

func TestRefuse(t *testing.T) {
	var w Writer
	rec, hook := httptest.NewRecorder(), new(limitHook)
	w.Init(rec, Options{Mapper: newMapper(t), Hook: hook})
	rec.Header().Set("Access-Control-Allow-Origin", "*")
	require.False(t, w.Sent())
	require.True(t, w.Refuse(&refusal.Refusal{Kind: refusal.Unauthorized, Challenge: `Bearer realm="tollgate"`}))
	require.True(t, w.Sent())
	require.False(t, w.Refuse(&refusal.Refusal{Kind: refusal.Internal}), "only one answer")

	o := outcome{ResponseRecorder: rec, report: w.Report(), hook: hook}
	o.requireRefusal(t, refusal.Unauthorized, SourceGateway)
	require.Equal(t, `Bearer realm="tollgate"`, rec.Header().Get("WWW-Authenticate"))
	require.Equal(t, "*", rec.Header().Get("Access-Control-Allow-Origin"))

	w.WriteHeader(200)
	_, err := w.Write([]byte("more"))
	require.Error(t, err)
	require.NoError(t, w.FlushError())
	o.requireRefusal(t, refusal.Unauthorized, SourceGateway)
	w.Finish(nil, nil)
	require.Equal(t, 0, hook.trailers)
}

func TestHandlersHeadersSurviveARefusal(t *testing.T) {
	o := exchange(t, Options{}, func(w http.ResponseWriter) error {
		w.Header().Set("WWW-Authenticate", `Basic realm="inner"`)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Etag", "x")
		return refusal.HandlerError(401, errors.New("not authenticated"))
	})
	require.Equal(t, 401, o.Code)
	require.Equal(t, `Basic realm="inner"`, o.Header().Get("WWW-Authenticate"))
	require.Empty(t, o.Header().Get("Content-Encoding"))
	require.Empty(t, o.Header().Get("Etag"))
}
