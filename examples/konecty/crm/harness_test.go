package crm_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

const (
	token    = "s3ssion-token-of-the-tests"
	maria    = "JeSqMH6mkP5f233Rp"
	friday   = "c3WqHn5RvTzKpL8sJ"
	starter  = "p5RvTzKpL8sJc3WqH"
	database = "connect ECONNREFUSED 10.20.0.5:27017"
)

type object = map[string]any

// harness asks a server as one session.
type harness struct {
	t      *testing.T
	server *crm.Server
}

func open(t *testing.T, denied ...string) *harness {
	t.Helper()
	server, err := crm.New(crm.Options{Token: token, Denied: denied, Now: func() time.Time {
		return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	}})
	require.NoError(t, err)
	return &harness{t, server}
}

// reply is an answer as it came.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	text   string
}

func (h *harness) send(r *http.Request) reply {
	h.t.Helper()
	recorder := httptest.NewRecorder()
	h.server.ServeHTTP(recorder, r)
	return reply{h.t, recorder.Code, recorder.Header(), recorder.Body.String()}
}

func (h *harness) ask(method, target, body string) reply {
	h.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return h.send(r)
}

// create sends a record; the answer to that is always 200.
func (h *harness) create(document string, payload any) reply {
	h.t.Helper()
	text, err := json.Marshal(payload)
	require.NoError(h.t, err)
	got := h.ask("POST", "/rest/data/"+document, string(text))
	require.Equal(h.t, http.StatusOK, got.status, got.text)
	return got
}

// query sends a query and gives its rows.
func (h *harness) query(body string) []object {
	h.t.Helper()
	got := h.ask("POST", "/rest/query/json", body)
	require.Equal(h.t, http.StatusOK, got.status, got.text)
	require.Contains(h.t, got.header.Get("Content-Type"), "application/x-ndjson")
	rows := []object{}
	for line := range strings.Lines(got.text) {
		var row object
		require.NoError(h.t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	return rows
}

// record is the one record of a success.
func (r reply) record() object {
	r.t.Helper()
	var body struct {
		Success bool     `json:"success"`
		Data    []object `json:"data"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(r.text), &body), r.text)
	require.True(r.t, body.Success, r.text)
	require.Len(r.t, body.Data, 1)
	return body.Data[0]
}

// problems are the messages of a soft failure, none for a success.
func (r reply) problems() []string {
	r.t.Helper()
	var body struct {
		Success bool
		Errors  []struct{ Message string }
	}
	require.NoError(r.t, json.Unmarshal([]byte(r.text), &body), r.text)
	messages := []string{}
	for _, e := range body.Errors {
		messages = append(messages, e.Message)
	}
	require.Equal(r.t, len(messages) == 0, body.Success, r.text)
	return messages
}

// contact is a payload that is accepted, with some fields put in.
func contact(fields object) object {
	payload := object{"name": object{"first": "Ana"}}
	for name, value := range fields {
		payload[name] = value
	}
	return payload
}
