package harness

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Limits says what the limit headers of an answer must describe.
type Limits string

// What limit headers describe. Every case of a test says which it expects.
const (
	NoLimits     Limits = "nothing"  // no limit headers at all
	Workspace    Limits = "1m"       // the workspace's windows, the first of them a minute
	AuthLimit    Limits = "auth"     // the throttle of failed authentications
	RefusalLimit Limits = "refusals" // the throttle of a key's refusals
	PublicLimit  Limits = "public"   // a public route's limit of one client address
	DeniedPlan   Limits = "denied"   // 0 of 0
)

// Case is one row of a behaviour's table: what is sent and what must come of it.
type Case struct {
	// Name begins with the behaviour's number and states the guarantee.
	Name string
	// Request is sent; or, if set, the bytes of Raw over a connection of their own.
	Request
	Raw string
	// Status and Code are the answer's; an empty Code means that the body is not ours to judge.
	Status int
	Code   string
	// Hits is how many requests the backend must see.
	Hits int
	// Limits is what the limit headers describe.
	Limits Limits
	// Check looks at the rest, if it is set. Seen is empty where there are no hits.
	Check func(t *testing.T, answer *Answer, seen []Seen)
}

// Run sends each case's request and checks status, code, hits and limit headers, then what the case checks itself.
func (g *Gateway) Run(t *testing.T, cases []Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			g.Backend.Seen()
			var answer *Answer
			if c.Raw != "" {
				method, _, _ := strings.Cut(c.Raw, " ")
				answer = g.Raw(t, method, c.Raw)
			} else {
				answer = g.Do(t, c.Request)
			}
			seen := g.Backend.Seen()
			require.Equal(t, c.Status, answer.Status, "status; body: %s", answer.Body)
			require.Len(t, seen, c.Hits, "requests that the backend saw")
			answer.CheckLimits(t, c.Limits)
			if c.Code != "" {
				answer.CheckEnvelope(t, c.Code, c.Method == http.MethodHead)
			}
			if c.Check != nil {
				c.Check(t, answer, seen)
			}
		})
	}
}

// Envelope is the one shape of errors.
type Envelope struct {
	Success *bool `json:"success"`
	Error   struct {
		Code    string          `json:"code"`
		Message string          `json:"message"`
		Details json.RawMessage `json:"details"`
	} `json:"error"`
}

// Envelope reads the body as an envelope, strictly.
func (a *Answer) Envelope(t testing.TB) Envelope {
	t.Helper()
	var e Envelope
	decoder := json.NewDecoder(strings.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&e), "body: %s", a.Body)
	require.NotNil(t, e.Success, "success")
	require.False(t, *e.Success)
	require.NotEmpty(t, e.Error.Message)
	require.NotEmpty(t, e.Error.Details, "details must be present")
	return e
}

// CheckEnvelope requires an own refusal or a mapped error with this code; of an answer to HEAD the headers only.
func (a *Answer) CheckEnvelope(t testing.TB, code string, head bool) {
	t.Helper()
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.NotEmpty(t, a.Header.Get("X-Request-Id"))
	if head {
		require.Empty(t, a.Body)
		return
	}
	require.Equal(t, code, a.Envelope(t).Error.Code)
}

// CheckLimits requires limit headers that describe this, each exactly once.
func (a *Answer) CheckLimits(t testing.TB, limits Limits) {
	t.Helper()
	for _, name := range []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		if limits == NoLimits {
			require.Empty(t, a.Header.Values(name), name)
		} else {
			require.Len(t, a.Header.Values(name), 1, name)
		}
	}
	policies, states := a.Header.Values("Ratelimit-Policy"), a.Header.Values("Ratelimit")
	require.Len(t, states, len(policies), "one RateLimit line for each RateLimit-Policy line")
	if limits == NoLimits {
		require.Empty(t, policies)
		return
	}
	require.NotEmpty(t, policies)
	require.Contains(t, policies[0], `"`+string(limits)+`";q=`)
	require.Contains(t, states[0], `"`+string(limits)+`";r=`)
}

// Number reads one header as a whole number.
func (a *Answer) Number(t testing.TB, name string) int64 {
	t.Helper()
	var n json.Number
	require.NoError(t, json.Unmarshal([]byte(a.Header.Get(name)), &n), name)
	value, err := n.Int64()
	require.NoError(t, err)
	return value
}
