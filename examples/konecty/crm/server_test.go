package crm_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

func TestNewRefuses(t *testing.T) {
	for name, options := range map[string]crm.Options{
		"no token":         {},
		"unknown document": {Token: token, Denied: []string{"Invoice"}},
		"unknown field":    {Token: token, Denied: []string{"Contact.nme"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := crm.New(options)
			require.Error(t, err)
			require.NotContains(t, err.Error(), token)
		})
	}
}

// calls are all calls on data, each with the status by which its endpoint says that there is no session.
var calls = []struct {
	method, target, body string
	status               int
	ndjson               bool
}{
	{"GET", "/rest/query/explorer/modules", "", 401, false},
	{"GET", "/rest/menu/documents/Contact", "", 200, false},
	{"GET", "/rest/data/Contact/find", "", 200, false},
	{"POST", "/rest/data/Contact/find", `{}`, 200, false},
	{"POST", "/rest/data/Contact", `{"name": {"first": "Ana"}}`, 200, false},
	{"GET", "/rest/data/Contact/" + maria, "", 200, false},
	{"POST", "/rest/query/json", `{"document": "Contact"}`, 400, true},
}

func TestSessions(t *testing.T) {
	h := open(t)
	for header, says := range map[string]string{
		"":                      "[get-user] No authTokenId found",
		"Bearer ":               "[get-user] No authTokenId found",
		"Bearer nobody":         "[get-user] User not found",
		"nobody":                "[get-user] User not found",
		"Basic " + token:        "[get-user] User not found",
		"Bearer " + token + "x": "[get-user] User not found",
		token:                   "",
		"bearer " + token:       "",
	} {
		for _, call := range calls {
			r := httptest.NewRequest(call.method, call.target, strings.NewReader(call.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", header)
			got := h.send(r)
			if says == "" {
				require.Equal(t, http.StatusOK, got.status, got.text)
				require.NotContains(t, got.text, "errors")
				continue
			}
			require.Equal(t, call.status, got.status, got.text)
			require.Contains(t, got.text, `"success":false,"errors":[{"message":"`+says+`"}]`)
			require.Equal(t, call.ndjson, strings.HasPrefix(got.text, `{"_meta":`))
		}
	}
}

func TestDatabaseDown(t *testing.T) {
	h := open(t)
	h.server.SetDatabaseDown(true)
	for _, call := range calls {
		got := h.ask(call.method, call.target, call.body)
		require.Equal(t, call.status, got.status)
		require.Contains(t, got.text, database)
		require.Equal(t, call.ndjson, strings.Contains(got.header.Get("Content-Type"), "application/x-ndjson"))
	}
	got := h.ask("GET", "/readiness", "")
	require.Equal(t, 503, got.status)
	require.Contains(t, got.header.Get("Content-Type"), "text/plain")

	h.server.SetDatabaseDown(false)
	require.Equal(t, 200, h.ask("GET", "/readiness", "").status)
	require.Empty(t, h.ask("GET", "/rest/data/Contact/"+maria, "").problems())
}

func TestSilentServersNeverAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.server.SetSilent(true)
		ctx, leave := context.WithCancel(t.Context())
		recorder, ended := httptest.NewRecorder(), make(chan any, 1)
		go func() {
			defer func() { ended <- recover() }()
			h.server.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, "POST", "/rest/data/Contact", strings.NewReader("{}")))
		}()
		synctest.Wait()
		require.Empty(t, ended, "it answered")
		leave()
		require.Equal(t, http.ErrAbortHandler, <-ended)
		require.Zero(t, recorder.Body.Len())

		h.server.SetSilent(false)
		require.Equal(t, 200, h.ask("GET", "/readiness", "").status)
	})
}

func TestTheFrameworksErrors(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		method, target, contentType, body string
		status                            int
		code, message                     string
	}{
		"unknown path":   {"GET", "/rest/nothing?a=1", "", "", 404, "", "Route GET:/rest/nothing?a=1 not found"},
		"unknown method": {"PATCH", "/rest/data/Contact", "", "", 404, "", "Route PATCH:/rest/data/Contact not found"},
		"no body":        {"POST", "/rest/data/Contact", "application/json", "", 400, "FST_ERR_CTP_EMPTY_JSON_BODY", "Body cannot be empty"},
		"no JSON":        {"POST", "/rest/query/json", "application/json", "{", 400, "FST_ERR_CTP_INVALID_JSON_BODY", "Body is not valid JSON"},
		"two values":     {"POST", "/rest/data/Contact", "application/json", "{} {}", 400, "FST_ERR_CTP_INVALID_JSON_BODY", "Body is not valid JSON"},
		"a form":         {"POST", "/rest/data/Contact", "text/csv", "a", 415, "FST_ERR_CTP_INVALID_MEDIA_TYPE", "Unsupported Media Type: text/csv"},
		"too much":       {"POST", "/rest/data/Contact", "application/json", strings.Repeat(" ", 1<<20+1), 413, "FST_ERR_CTP_BODY_TOO_LARGE", "Request body is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.contentType)
			got := h.send(r)
			var body struct {
				StatusCode           int
				Code, Error, Message string
			}
			require.NoError(t, json.Unmarshal([]byte(got.text), &body))
			require.Equal(t, c.status, got.status)
			require.Equal(t, c.status, body.StatusCode)
			require.Equal(t, http.StatusText(c.status), body.Error)
			require.Equal(t, c.code, body.Code)
			require.Contains(t, body.Message, c.message)
		})
	}
}

func TestReadingWhatIsNotThere(t *testing.T) {
	h := open(t)
	nobody := h.ask("GET", "/rest/data/Contact/nobody", "")
	require.Equal(t, 200, nobody.status)
	require.JSONEq(t, `{"success": true, "data": [], "total": 0}`, nobody.text)
	require.Equal(t, []string{"[Invoice] Collection not found"}, h.ask("GET", "/rest/data/Invoice/x", "").problems())
	require.JSONEq(t, "null", h.ask("GET", "/rest/menu/documents/Invoice", "").text)
}
