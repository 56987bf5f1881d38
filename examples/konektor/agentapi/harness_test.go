package agentapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
	"github.com/tollgate-gateway/tollgate/examples/konektor/contract"
)

// noon is the present of all tests: a Sunday.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// harness asks a backend as the gateway would.
type harness struct {
	t     *testing.T
	api   *agentapi.API
	clock *clock
}

func open(t *testing.T, options agentapi.Options) *harness {
	t.Helper()
	c := &clock{noon}
	options.Now = c.Now
	api, err := agentapi.New(context.Background(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	return &harness{t, api, c}
}

// empty is a backend whose workspaces hold nothing.
func empty(t *testing.T) *harness { return open(t, agentapi.Options{}) }

// reply is an answer, its body decoded.
type reply struct {
	status int
	header http.Header
	text   string
	body   struct {
		Success    bool           `json:"success"`
		Data       any            `json:"data"`
		Pagination map[string]any `json:"pagination"`
		Error      struct {
			Code    string            `json:"code"`
			Message string            `json:"message"`
			Details map[string]string `json:"details"`
		} `json:"error"`
	}
}

func (r reply) object() map[string]any { return r.body.Data.(map[string]any) }
func (r reply) list() []any            { return r.body.Data.([]any) }

// names are the first names of the leads in a list, in order.
func (r reply) names() []string {
	names := []string{}
	for _, lead := range r.list() {
		names = append(names, lead.(map[string]any)["firstName"].(string))
	}
	return names
}

func (h *harness) send(r *http.Request) reply {
	h.t.Helper()
	recorder := httptest.NewRecorder()
	h.api.ServeHTTP(recorder, r)
	got := reply{status: recorder.Code, header: recorder.Header(), text: recorder.Body.String()}
	if recorder.Header().Get("Content-Type") == "application/json" {
		require.NoError(h.t, json.Unmarshal(recorder.Body.Bytes(), &got.body), got.text)
	}
	return got
}

// ask sends a request of a workspace; body is sent as it is if it is text, else as JSON, nil for none.
func (h *harness) ask(workspace, method, target string, body any) reply {
	h.t.Helper()
	var content []byte
	switch body := body.(type) {
	case nil:
	case string:
		content = []byte(body)
	default:
		var err error
		content, err = json.Marshal(body)
		require.NoError(h.t, err)
	}
	r := httptest.NewRequest(method, agentapi.Base+target, bytes.NewReader(content))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Tollgate-Workspace", workspace)
	return h.send(r)
}

func (h *harness) get(target string) reply { return h.ask("ws_a", "GET", target, nil) }

type fields = map[string]any

// create makes a lead of ws_a and gives its id.
func (h *harness) create(lead fields) string {
	h.t.Helper()
	got := h.ask("ws_a", "POST", "/leads", lead)
	require.Equal(h.t, http.StatusCreated, got.status, got.text)
	return got.object()["id"].(string)
}

// refused asserts a 400 with these names in its details, and no others.
func (h *harness) refused(got reply, wrong ...string) {
	h.t.Helper()
	require.Equal(h.t, http.StatusBadRequest, got.status, got.text)
	require.False(h.t, got.body.Success)
	require.Equal(h.t, "VALIDATION_ERROR", got.body.Error.Code)
	names := []string{}
	for name, problem := range got.body.Error.Details {
		require.NotEmpty(h.t, problem)
		names = append(names, name)
	}
	require.ElementsMatch(h.t, wrong, names, got.text)
}

func document(t *testing.T) *contract.Document {
	t.Helper()
	d, err := contract.Parse([]byte(agentapi.Document))
	require.NoError(t, err)
	return d
}
