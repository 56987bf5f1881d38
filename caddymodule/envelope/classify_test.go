package envelope

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// outageRules are classify lines with statuses.
var outageRules = []Rule{
	{Code: refusal.CodeInternal, Status: 503, Pattern: "away$"},
	{Code: refusal.CodeInvalid, Status: 422, Pattern: `^Field (?P<field>\S+) `},
	{Code: refusal.CodeForbidden, Status: 403, Pattern: "^May not"},
	{Code: refusal.CodeRateLimited, Pattern: "^Slow down"},
	{Code: refusal.CodeInternal, Pattern: "^broken inside"},
}

func TestClassifyNamesTheStatus(t *testing.T) {
	m := newMapper(t, outageRules...)
	soft := func(text string) string { return `{"success":false,"errors":[{"message":"` + text + `"}]}` }
	for name, tt := range map[string]struct {
		status      int
		body        string
		want, after int
		code        refusal.Code
	}{
		"soft failure, 503":                  {200, soft("Database is away"), 503, 5, refusal.CodeInternal},
		"4xx, 503":                           {400, soft("Database is away"), 503, 5, refusal.CodeInternal},
		"401, 503: no credential failed":     {401, soft("Database is away"), 503, 5, refusal.CodeInternal},
		"soft failure, 422":                  {200, soft("Field a is required"), 422, 0, refusal.CodeInvalid},
		"404, 422":                           {404, soft("Field a is required"), 422, 0, refusal.CodeInvalid},
		"400, 403":                           {400, soft("May not do this"), 403, 0, refusal.CodeForbidden},
		"soft failure, the code's":           {200, soft("Slow down"), 429, 5, refusal.CodeRateLimited},
		"4xx keeps its own":                  {400, soft("Slow down"), 400, 0, refusal.CodeRateLimited},
		"429 of the backend":                 {429, soft("Slow down"), 429, 5, refusal.CodeRateLimited},
		"429 that nobody classified":         {429, soft("Too many"), 429, 0, refusal.CodeRateLimited},
		"5xx is not looked at":               {500, soft("Field a is required"), 500, 0, refusal.CodeInternal},
		"503 is not classified":              {503, soft("Database is away"), 503, 0, refusal.CodeInternal},
		"soft failure, the code's 500":       {200, soft("broken inside"), 500, 0, refusal.CodeInternal},
		"a valid envelope gets the status":   {400, `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"Field a is wrong","details":null}}`, 422, 0, refusal.CodeInvalid},
		"a valid envelope gets the code too": {400, `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"It is away","details":null}}`, 503, 5, refusal.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			a := m.Map(tt.status, "application/json", []byte(tt.body))
			require.Equal(t, tt.want, a.Status)
			require.Equal(t, tt.code, a.Code)
			require.Equal(t, tt.code, requireEnvelope(t, a.Body).Error.Code)
			require.Equal(t, tt.after, a.RetryAfter)
			require.False(t, a.Passed)
		})
	}
}

// What a rule calls internal is hidden even where another message decides.
func TestSeveralFailuresKeepTheirOwnTexts(t *testing.T) {
	m := newMapper(t, outageRules...)
	a := m.Map(200, "application/json", []byte(`{"success":false,"errors":[
		{"message":"Field a is required"},{"message":"Field b is too long"},{"message":"broken inside at shelf 9"},{"message":"Field a is odd"},{"message":"plain"}]}`))
	e := requireEnvelope(t, a.Body)
	require.Equal(t, 422, a.Status)
	require.Equal(t, map[string]any{"a": "Field a is required; Field a is odd", "b": "Field b is too long"}, e.Error.Details)
	require.Equal(t, "Field a is required; Field b is too long; Field a is odd; plain", e.Error.Message)
	require.Contains(t, a.Hidden, "shelf 9", "the log has it")

	a = m.Map(400, "application/json", []byte(`{"message":"broken inside at shelf 9","errors":[{"message":"Field a is required"}]}`))
	require.Equal(t, refusal.CodeInternal, a.Code, "the first message decides")
	require.Equal(t, standardBody(refusal.CodeInternal), a.Body)
}

func TestClassifiedAnswersSayWhenToRetry(t *testing.T) {
	m := newMapper(t, outageRules...)
	const away = `{"success":false,"errors":[{"message":"Database is away"}]}`
	o := exchange(t, Options{Mapper: m}, responds(200, "application/json", away))
	o.requireMapped(t, 503, refusal.CodeInternal, refusal.CodeInternal.Message())
	require.Equal(t, []string{"5"}, o.Header().Values("Retry-After"))
	require.Contains(t, o.report.Backend, "Database is away")

	o = exchange(t, Options{Mapper: m}, responds(200, "application/json", away, "Retry-After", "17"))
	require.Equal(t, []string{"17"}, o.Header().Values("Retry-After"), "the backend's own stays")

	o = exchange(t, Options{Mapper: m}, responds(429, "application/json", `{"message":"Too many"}`))
	require.Empty(t, o.Header().Values("Retry-After"), "none is invented where nobody classified")

	o = exchange(t, Options{Mapper: m, Credential: true}, responds(401, "application/json", away, "Www-Authenticate", "Basic"))
	o.requireMapped(t, 503, refusal.CodeInternal, refusal.CodeInternal.Message())

	m = newMapper(t, on(refusal.CodeInternal, "away"))
	o = exchange(t, Options{Mapper: m, Credential: true}, responds(401, "application/json", away))
	o.requireRefusal(t, refusal.UpstreamCredential, SourceBackend)
}

// innerTexts tell of the backend's inside; all hold "10.0.0.5", "db.internal" or "p4ss".
var innerTexts = []string{
	"connection 3 to 10.0.0.5:27017 closed", "connect ECONNREFUSED 10.0.0.5", "getaddrinfo ENOTFOUND db.internal", "no answer from 10.0.0.5", "at [::ffff:10.0.0.5]:5432",
	"mongodb://app:p4ss@db/leads", "postgres://db.internal/leads", "Is the server running on host \"db.internal\" (10.0.0.5)?", "10.0.0.5:6379> NOAUTH", "host=db.internal port=5432",
}

// innerShapes are bodies of errors with the text @ at some place.
var innerShapes = []string{
	`{"message":"@"}`, `{"message":"Not valid","errors":["@","b"]}`, `{"errors":[{"message":"@"},{"message":"a"}]}`, `{"errors":{"a":["@","b"]}}`, `{"errors":{"@":["b"]}}`,
	`{"errors":{"a":{"message":"@"}}}`, `{"error":"@"}`, `{"error":{"message":"a","details":{"b":{"c":["@"]}}}}`, `{"error":{"message":"a","details":{"@":"b"}}}`, `{"detail":"@"}`,
	`{"detail":[{"loc":["body","@"],"msg":"b"}]}`, `{"title":"a","detail":"@","errors":[{"pointer":"#/a","detail":"@"}]}`, `{"message":["@","a"]}`, `["@"]`, `"@"`,
	`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"@","details":null}}`,
	`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"a","details":{"b":[{"c":"@"}]}}}`,
	`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"a","details":{"@":"b"}}}`,
	`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"a","details":{"b":"@","b":"c"}}}`,
	`{"success":false,"error":{"code":"VALIDATION_ERROR","message":"a","details":null},"host":"@"}`,
	`{"success":false,"errors":[{"message":"Field a is required"},{"message":"@"}]}`, `{"_meta":{"success":false,"errors":[{"message":"@"}]}}`,
	`{"email":["@"]}`, `{"email":"@"}`, `{"a":{"message":"@"}}`, `{"code":"@"}`, `{"fault":{"faultstring":"@"}}`, `{"message":"[{\"message\":\"@\"}]"}`,
}

// TestNothingOfTheInsideLeaves: wherever such a text stands in a 4xx or a soft failure, it goes to the log.
func TestNothingOfTheInsideLeaves(t *testing.T) {
	m := newMapper(t, on(refusal.CodeInvalid, `Field (?P<field>\S+) is|connect (?P<field>\S+ \S+)|from (?P<field>\S+)`))
	for _, shape := range append(innerShapes, "@", "a\n@") {
		for _, text := range innerTexts {
			for _, status := range []int{200, 400, 401, 404, 429} {
				quoted := strconv.Quote(text)
				body := strings.ReplaceAll(shape, "@", quoted[1:len(quoted)-1])
				a := m.Map(status, "text/plain", []byte(body))
				requireEnvelope(t, a.Body)
				if status <= 400 || !strings.Contains(shape, `"code":"VALIDATION_ERROR"`) { // else it was not read, and not shown
					require.NotEmpty(t, a.Hidden, "the log has it: %s", body)
				}
				for _, never := range []string{"10.0.0.5", "db.internal", "p4ss"} {
					require.NotContains(t, string(a.Body), never, "%d %s", status, body)
				}
			}
		}
	}
}

// TestNothingOfTheInsideLeavesLongTexts: an address is found where a text is cut.
func TestNothingOfTheInsideLeavesLongTexts(t *testing.T) {
	m := newMapper(t)
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		pad := strings.Repeat([]string{" ", "\n", "x ", "\u202e", "x"}[random.IntN(5)], maxJudged/2+random.IntN(maxJudged/2))
		body := pad + " Value is not valid 10.0.0.5:27017 closed"
		require.NotContains(t, string(m.Map(400, "text/plain", []byte(body)).Body), "10.0.0.5")
	}
	for n := range 80 {
		body := strings.Repeat(" x", 2) + strings.Repeat(" ", maxJudged-60+n) + "is not valid: 10.0.0.5:27017"
		require.NotContains(t, string(m.Map(400, "text/plain", []byte(body)).Body), "10.0.0", "%d", n)
	}
}
