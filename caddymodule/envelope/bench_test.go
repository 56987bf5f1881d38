package envelope

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

var jsonType = []string{"application/json"}

// succeed is a backend's success.
func succeed(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(successBody)
}

var successBody = listing(4<<10, true)

// per is what a request costs a gateway anyhow: the Writer is a part of it.
type per struct {
	writer Writer
	hook   limits
}

// limits is a hook that costs nothing itself.
type limits struct{}

func (*limits) BeforeHeader(int, http.Header) {}
func (*limits) BeforeTrailer(http.Header)     {}

// handled serves a request with error handling, as the gateway does.
func handled(m *Mapper, under http.ResponseWriter, r *http.Request, inner http.HandlerFunc) {
	x := new(per)
	outer := r.Context()
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	x.writer.Init(under, Options{Mapper: m, Method: r.Method, Context: outer, Cancel: cancel, Hook: &x.hook})
	*r = *r.WithContext(ctx)
	inner(&x.writer, r)
	*r = *r.WithContext(outer)
	x.writer.Finish(nil, nil)
}

// bare serves a request without error handling.
func bare(under http.ResponseWriter, r *http.Request, inner http.HandlerFunc) {
	kept = new(per)
	inner(under, r)
}

// kept makes what a gateway has for a request anyhow a real allocation.
var kept *per

// request is one whose context can end, as a server's does.
func request(t testing.TB) *http.Request {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return httptest.NewRequest(http.MethodGet, "/x", nil).WithContext(ctx)
}

func mappers(t testing.TB) map[string]*Mapper {
	plain, err := NewMapper(Config{MaxBody: DefaultMaxBody})
	require.NoError(t, err)
	return map[string]*Mapper{"success": plain, "success that is looked at": newMapper(t)}
}

func TestASuccessCostsTwoAllocations(t *testing.T) {
	r, under := request(t), &discard{h: make(http.Header)}
	without := testing.AllocsPerRun(1000, func() { bare(under, r, succeed) })
	m := mappers(t)["success"]
	with := testing.AllocsPerRun(1000, func() { handled(m, under, r, succeed) })
	require.LessOrEqual(t, with-without, 2.0, "the context that can be cancelled; the writer itself: none")

	m = mappers(t)["success that is looked at"]
	with = testing.AllocsPerRun(1000, func() { handled(m, under, r, succeed) })
	require.LessOrEqual(t, with-without, 3.0, "and the capture")
}

func BenchmarkSuccess(b *testing.B) {
	r, under := request(b), &discard{h: make(http.Header)}
	b.Run("without error handling", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bare(under, r, succeed)
		}
	})
	for name, m := range mappers(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handled(m, under, r, succeed)
			}
		})
	}
}

// What the context alone costs, without which nothing could end the request to the backend.
func BenchmarkContext(b *testing.B) {
	r := request(b)
	b.ReportAllocs()
	for b.Loop() {
		_, cancel := context.WithCancel(r.Context())
		cancel()
	}
}

func BenchmarkError(b *testing.B) {
	m, r := newMapper(b, konectyRules...), request(b)
	under := &discard{h: make(http.Header)}
	for _, x := range fixtures(b)[:3] {
		b.Run(x.Name, func(b *testing.B) {
			b.ReportAllocs()
			body := []byte(x.Body)
			for b.Loop() {
				clear(under.h)
				handled(m, under, r, func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Content-Type"] = []string{x.ContentType}
					w.WriteHeader(x.Status)
					_, _ = w.Write(body)
				})
			}
		})
	}
}

func BenchmarkRefusal(b *testing.B) {
	under := &discard{h: make(http.Header)}
	m := newMapper(b)
	for name, refused := range map[string]*refusal.Refusal{"fixed": {Kind: refusal.Unauthorized}, "retry after": {Kind: refusal.OverLimit, RetryAfter: 12}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(under.h)
				var w Writer
				w.Init(under, Options{Mapper: m, Method: http.MethodGet})
				w.Refuse(refused)
			}
		})
	}
}
