package envelope

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func keepingMapper(t testing.TB) *Mapper {
	m, err := NewMapper(Config{SoftFailures: true, KeepErrors: true, MaxBody: DefaultMaxBody, Rules: outageRules})
	require.NoError(t, err)
	return m
}

// keptIn reads the member that is kept.
func keptIn(t testing.TB, body []byte) (messages []string) {
	t.Helper()
	requireEnvelope(t, body)
	var e struct{ Errors []map[string]string }
	require.NoError(t, json.Unmarshal(body, &e), "%s", body)
	for _, entry := range e.Errors {
		require.Len(t, entry, 1, "a message and nothing else")
		messages = append(messages, entry["message"])
	}
	return messages
}

func TestKeepErrors(t *testing.T) {
	m := keepingMapper(t)
	for name, tt := range map[string]struct {
		status int
		body   string
		want   []string
	}{
		"a message":                 {400, `{"message":"no <b>"}`, []string{"no <b>"}},
		"details, in order":         {422, `{"message":"no","errors":{"b":["x","y"],"a":["z"]}}`, []string{"no", "z", "x; y"}},
		"a soft failure":            {200, `{"success":false,"errors":[{"message":"Field a is required"}]}`, []string{"Field a is required", "Field a is required"}},
		"5xx says nothing":          {500, `{"errors":[{"message":"secret"}]}`, []string{refusal.CodeInternal.Message()}},
		"an outage says nothing":    {200, `{"success":false,"errors":[{"message":"secret is away"}]}`, []string{refusal.CodeInternal.Message()}},
		"nothing to say":            {404, `{}`, []string{refusal.CodeNotFound.Message()}},
		"a valid envelope":          {400, "{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":\"m\",\"details\":{\"b\":1.50,\"a\":[\"x\"],\"c\":\"y\"}},\"id\":7}\n", []string{"m", `["x"]`, "1.50", "y"}},
		"details that are not text": {404, `{"success":false,"error":{"code":"NOT_FOUND","message":"m","details":{"a":{"b":null}}}}`, []string{"m", `{"b":null}`}},
	} {
		t.Run(name, func(t *testing.T) {
			o := exchange(t, Options{Mapper: m}, responds(tt.status, "application/json", tt.body))
			require.Equal(t, tt.want, keptIn(t, o.Body.Bytes()))
			require.EqualValues(t, o.Body.Len(), o.Result().ContentLength)
		})
	}
}

// A valid envelope keeps its own bytes, with the member behind them; one that has such a member is written anew.
func TestKeepErrorsOfAValidEnvelope(t *testing.T) {
	const body = `{"request_id":"r1", "success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":null} }`
	o := exchange(t, Options{Mapper: keepingMapper(t)}, responds(400, "application/json", body))
	require.Equal(t, body[:len(body)-1]+`,"errors":[{"message":"m"}]}`, o.Body.String())

	for _, own := range []string{`[{"message":"secret of 10.0.0.5:27017"}]`, `null`, `"secret"`, `[]`} {
		o = exchange(t, Options{Mapper: keepingMapper(t)}, responds(400, "application/json",
			`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":{"a":"b"}},"errors":`+own+`}`))
		messages := keptIn(t, o.Body.Bytes())
		e := requireEnvelope(t, o.Body.Bytes())
		require.Equal(t, e.Error.Message, messages[0])
		require.Len(t, messages, 1+len(e.Error.Details))
		require.NotContains(t, o.Body.String(), "10.0.0.5")
	}
}

func TestKeepErrorsOfRefusals(t *testing.T) {
	m := keepingMapper(t)
	for _, k := range refusal.Catalogue() {
		r := &refusal.Refusal{Kind: k, RetryAfter: 12, Status: 418}
		o := exchange(t, Options{Mapper: m}, func(http.ResponseWriter) error { return r })
		messages := keptIn(t, o.Body.Bytes())
		e := requireEnvelope(t, o.Body.Bytes())
		require.Equal(t, k.Message, messages[0], k.Reason)
		require.Len(t, messages, 1+len(e.Error.Details), k.Reason)
		require.EqualValues(t, o.Body.Len(), o.Result().ContentLength)
	}
	o := exchange(t, Options{Mapper: m}, func(http.ResponseWriter) error {
		return &refusal.Refusal{Kind: refusal.PolicyForbidden, Message: "Ask", Details: map[string]any{"missing_scopes": []string{"a.b"}, "hint": "x"}}
	})
	require.Equal(t, []string{"Ask", "x", `["a.b"]`}, keptIn(t, o.Body.Bytes()))
}

// FuzzKeepErrors: whatever a backend sends, the member says what the envelope says, and nothing else.
func FuzzKeepErrors(f *testing.F) {
	for _, x := range fixtures(f) {
		f.Add(x.Status, []byte(x.Body))
	}
	for _, x := range wideFixtures(f, wideBackends) {
		f.Add(x.Status, []byte(x.Body))
	}
	f.Add(400, []byte(`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":{"a":{"b":[1e400]}}},"Errors":1}`))
	m := keepingMapper(f)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 400 || status > 599 {
			status = 400
		}
		o := exchange(t, Options{Mapper: m}, responds(status, "application/json", string(body)))
		var e struct {
			Error struct {
				Message string
				Details map[string]json.RawMessage
			}
		}
		var list struct{ Errors []map[string]string }
		require.NoError(t, json.Unmarshal(o.Body.Bytes(), &e), "%s", o.Body)
		require.NoError(t, json.Unmarshal(o.Body.Bytes(), &list), "%s", o.Body)
		require.Len(t, list.Errors, 1+len(e.Error.Details), "%s", o.Body)
		require.Equal(t, e.Error.Message, list.Errors[0]["message"])
	})
}
