package refusal

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusalJSON(t *testing.T) {
	tests := []struct {
		name    string
		refusal Refusal
		want    string
	}{
		{"fixed", Refusal{Kind: UnknownRoute}, `{"success":false,"error":{"code":"NOT_FOUND","message":"There is no such route.","details":null}}`},
		{"retry after", Refusal{Kind: OverLimit, RetryAfter: 12}, `{"success":false,"error":{"code":"RATE_LIMITED","message":"The workspace's rate limit is used up.","details":{"retry_after_seconds":12}}}`},
		{"retry after at least 1", Refusal{Kind: AuthThrottled}, `{"success":false,"error":{"code":"RATE_LIMITED","message":"Too many failed requests from this address.","details":{"retry_after_seconds":1}}}`},
		{"details", Refusal{Kind: CostAboveLimit, Details: map[string]any{"limit": int64(60), "cost": 100}}, `{"success":false,"error":{"code":"FORBIDDEN","message":"The request costs more than the workspace's limit.","details":{"cost":100,"limit":60}}}`},
		{"empty details are null", Refusal{Kind: PolicyForbidden, Details: map[string]any{}}, `{"success":false,"error":{"code":"FORBIDDEN","message":"The request is not allowed.","details":null}}`},
		{"a policy's message", Refusal{Kind: PolicyForbidden, Message: "no \"\\\r\n\t\x00\u2028<b>\xff é", Details: map[string]any{"missing_scopes": []string{"a.b", "c"}}},
			`{"success":false,"error":{"code":"FORBIDDEN","message":"no \"\\\r\n\t\u0000\u2028\u003cb\u003e\ufffd é","details":{"missing_scopes":["a.b","c"]}}}`},
		{"all JSON values", Refusal{Kind: PolicyInvalid, Details: map[string]any{
			"a": nil, "b": true, "c": 1.5, "d": json.Number("1e400"), "e": []any{"x", 1, map[string]any{}}, "f": struct{}{}, "g": math.NaN(), "h": json.Number("[1]"), "i": json.Number(""), "j": json.Number("1]"),
		}}, `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"The request is not valid.","details":{"a":null,"b":true,"c":1.5,"d":1e400,"e":["x",1,{}],"f":null,"g":null,"h":null,"i":null,"j":null}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(tt.refusal.JSON()))
			require.True(t, json.Valid(tt.refusal.JSON()))
		})
	}
}

func TestRefusalHeaders(t *testing.T) {
	tests := []struct {
		name    string
		refusal Refusal
		after   string
	}{
		{"none", Refusal{Kind: UnknownRoute}, ""},
		{"429", Refusal{Kind: OverLimit, RetryAfter: 7}, "7"},
		{"429 at least 1", Refusal{Kind: OverLimit, RetryAfter: -3}, "1"},
		{"503 at least 1", Refusal{Kind: KeyStoreUnavailable}, "1"},
		{"a handler's 503", *HandlerError(503, nil), "1"},
		{"a handler's 429", *HandlerError(429, nil), "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			tt.refusal.SetHeaders(h, 5)
			require.Equal(t, tt.after, h.Get("Retry-After"))
			require.Equal(t, "5", h.Get("Content-Length"))
			require.NotContains(t, h, "Www-Authenticate")
			for name := range h {
				require.Equal(t, http.CanonicalHeaderKey(name), name)
			}
		})
	}
}

func TestRefusalIsAnErrorForTheLog(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.7")
	r := &Refusal{Kind: UpstreamUnreachable, Cause: cause}
	require.EqualError(t, r, "upstream_unreachable: dial tcp 10.0.0.7")
	require.ErrorIs(t, r, cause)
	require.EqualError(t, &Refusal{Kind: NoHandler}, "no_handler")
}

func TestFixedRefusalsCostNothing(t *testing.T) {
	fixed, limited := &Refusal{Kind: Unauthorized}, &Refusal{Kind: OverLimit, RetryAfter: 60}
	require.Zero(t, testing.AllocsPerRun(100, func() { fixed.JSON() }))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { limited.JSON() }), 1.0)
}

// FuzzString: any text becomes a JSON string in valid UTF-8 that reads as that text, and that holds no markup.
func FuzzString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\x7f\u2028é\xff\xc3<>&\U0001F600")
	f.Fuzz(func(t *testing.T, s string) {
		b := appendString(nil, s)
		var got string
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, string([]rune(s)), got)
		require.False(t, strings.ContainsAny(string(b), "<>&\u2028\u2029\x00\n"))
		want, err := json.Marshal(s)
		require.NoError(t, err)
		var again string
		require.NoError(t, json.Unmarshal(want, &again))
		require.Equal(t, again, got)
	})
}
