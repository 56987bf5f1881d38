package agentapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARefusalIsSmallWhateverWasSent(t *testing.T) {
	h := empty(t)
	var many strings.Builder
	many.WriteString(`{"firstName":"Ana"`)
	for i := range 20_000 {
		fmt.Fprintf(&many, `,"f%d":1`, i)
	}
	parameters := url.Values{}
	for i := range 3000 {
		parameters.Set(fmt.Sprint("p", i), "1")
	}
	long := strings.Repeat("ü", 1<<19)
	for name, got := range map[string]reply{
		"many unknown fields":      h.ask("ws_a", "POST", "/leads", many.String()+"}"),
		"many fields twice":        h.ask("ws_a", "POST", "/leads", many.String()+","+many.String()[1:]+"}"),
		"a field with a long name": h.ask("ws_a", "POST", "/leads", fields{long: 1}),
		"many unknown parameters":  h.get("/leads?" + parameters.Encode()),
		"a long parameter name":    h.get("/leads?" + url.QueryEscape(long) + "=1"),
		"a long path":              h.get("/leads/" + url.PathEscape(long)),
	} {
		require.Equal(t, http.StatusBadRequest, got.status, name)
		require.NotEmpty(t, got.body.Error.Details, name)
		require.Less(t, len(got.text), 16<<10, name)
	}
}

func TestABodyOverTheLimitIs413(t *testing.T) {
	h := empty(t)
	got := h.ask("ws_a", "POST", "/leads", fields{"firstName": "Ana", "notes": strings.Repeat("x", 2<<20)})
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	require.Equal(t, "VALIDATION_ERROR", got.body.Error.Code)
	require.Contains(t, got.body.Error.Details, "body")
	require.Empty(t, h.get("/leads").list())
}

// broken is a body that ends before it should.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestABodyThatBreaksOffIs400(t *testing.T) {
	h := empty(t)
	r := httptest.NewRequest("POST", agentapi.Base+"/leads", broken{})
	r.Header.Set("X-Tollgate-Workspace", "ws_a")
	h.refused(h.send(r), "body")
}

func TestOurOwnFailureShowsNothing(t *testing.T) {
	var log bytes.Buffer
	h := open(t, agentapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, h.api.Close())
	r := httptest.NewRequest("POST", agentapi.Base+"/leads", strings.NewReader(`{"firstName":"Wilhelmina"}`))
	r.Header.Set("X-Tollgate-Workspace", "ws_a")
	r.Header.Set("X-Request-Id", "req-1")
	got := h.send(r)
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.JSONEq(t, `{"success":false,"error":{"code":"INTERNAL_ERROR","message":"Internal error","details":null}}`, got.text)
	require.Contains(t, log.String(), "request_id=req-1")
	require.Contains(t, log.String(), "closed")
	require.NotContains(t, log.String(), "Wilhelmina")
}

func TestACallerWhoLeavesIsNoFailure(t *testing.T) {
	var log bytes.Buffer
	h := open(t, agentapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, leave := context.WithCancel(context.Background())
	leave()
	r := httptest.NewRequest("POST", agentapi.Base+"/leads", strings.NewReader(`{"firstName":"Ana"}`)).WithContext(ctx)
	r.Header.Set("X-Tollgate-Workspace", "ws_a")
	h.send(r)
	require.Empty(t, log.String())
	require.Empty(t, h.get("/leads").list())
}

// panicking is a body that makes the handler panic.
type panicking struct{ with any }

func (p panicking) Read([]byte) (int, error) { panic(p.with) }

func TestAPanicIs500AndAnAbortStaysOne(t *testing.T) {
	h := empty(t)
	request := func(with any) *http.Request {
		r := httptest.NewRequest("POST", agentapi.Base+"/leads", panicking{with})
		r.Header.Set("X-Tollgate-Workspace", "ws_a")
		return r
	}
	got := h.send(request(errors.New("secret state")))
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.NotContains(t, got.text, "secret")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { h.send(request(http.ErrAbortHandler)) })
}

func TestManyCallersAtOnceLoseNothing(t *testing.T) {
	h := empty(t)
	id := h.create(fields{"firstName": "Ana"})
	const callers, each = 4, 10
	var all sync.WaitGroup
	failed := make(chan string, 3*callers*each)
	for caller := range callers {
		all.Go(func() {
			for n := range each {
				code := fmt.Sprintf("C%d-%d", caller, n)
				for _, got := range []reply{
					h.ask("ws_a", "POST", "/leads", fields{"firstName": "Eva", "uniqueCode": code}),
					h.ask("ws_a", "PATCH", "/leads/"+id, fields{"score": n}),
					h.get("/leads?search=" + code),
				} {
					if got.status >= 300 {
						failed <- got.text
					}
				}
			}
		})
	}
	all.Wait()
	require.Empty(t, failed)
	require.Equal(t, float64(callers*each+1), h.get("/leads").body.Pagination["total"])
}

func FuzzLeadBody(f *testing.F) {
	for _, seed := range []string{`{"firstName":"Ana"}`, `{"id":null}`, `{"score":1e400}`, `{"a":[{"b":"\ud800"}]}`, `{"phone":"+1 555"}`, "{", ""} {
		f.Add([]byte(seed))
	}
	api, err := agentapi.New(context.Background(), agentapi.Options{})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, api.Close()) })
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/leads", "/leads/upsert", "/support/tickets"} {
			checkAnswer(t, api, httptest.NewRequest("POST", agentapi.Base+path, bytes.NewReader(body)))
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"search=ana", "cursor=AAAA", "from=2026-01-01&to=2025-01-01", "page=9999999999", "a=%zz", "limit=1;page=2", "createdTo=2199-12-31"} {
		f.Add(seed)
	}
	api, err := agentapi.New(context.Background(), agentapi.Options{Seed: []string{"ws_a"}})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, api.Close()) })
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/leads", "/analytics/campaigns", "/conversions/pending"} {
			r := httptest.NewRequest("GET", agentapi.Base+path, nil)
			r.URL.RawQuery = query
			checkAnswer(t, api, r)
		}
	})
}

// checkAnswer holds for any request: an envelope, a refusal that names something, and never a failure of ours.
func checkAnswer(t *testing.T, api *agentapi.API, r *http.Request) {
	t.Helper()
	r.Header.Set("X-Tollgate-Workspace", "ws_a")
	got := (&harness{t: t, api: api}).send(r)
	require.Less(t, got.status, http.StatusInternalServerError)
	require.Equal(t, got.status < 300, got.body.Success)
	if got.status == http.StatusBadRequest {
		require.NotEmpty(t, got.body.Error.Details)
	}
}
