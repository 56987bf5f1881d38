package keysapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// many is a list of JSON with n times the same.
func many(text string, n int) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }

// mistakes are requests with something wrong, and the names under which that is said.
var mistakes = map[string]struct {
	method, path, query, body string
	wrong                     []string
}{
	"unknown field":              {"POST", "", "", `{"nam":"x"}`, []string{"nam"}},
	"field in other letters":     {"POST", "", "", `{"Name":"x"}`, []string{"Name"}},
	"id is not given":            {"POST", "", "", `{"id":"key_1"}`, []string{"id"}},
	"secret is not given":        {"POST", "", "", `{"secret":"mine"}`, []string{"secret"}},
	"disabled when made":         {"POST", "", "", `{"disabled":true}`, []string{"disabled"}},
	"all at once":                {"POST", "", "", `{"name":1,"scopes":"x","allowed_ips":{},"limits":1,"expires_at":0,"workspace":[],"x":1}`, []string{"name", "scopes", "allowed_ips", "limits", "expires_at", "workspace", "x"}},
	"name twice":                 {"POST", "", "", `{"name":"a","scopes":[],"name":"b"}`, []string{"name"}},
	"name twice, escaped":        {"POST", "", "", `{"name":"a","n\u0061me":"b"}`, []string{"name"}},
	"name null":                  {"POST", "", "", `{"name":null}`, []string{"name"}},
	"name too long":              {"POST", "", "", `{"name":"` + strings.Repeat("x", 65) + `"}`, []string{"name"}},
	"name with a line end":       {"POST", "", "", `{"name":"a\nb"}`, []string{"name"}},
	"scopes null":                {"POST", "", "", `{"scopes":null}`, []string{"scopes"}},
	"scopes with null":           {"POST", "", "", `{"scopes":[null]}`, []string{"scopes"}},
	"scopes with a number":       {"POST", "", "", `{"scopes":["agent.read",1]}`, []string{"scopes"}},
	"scope empty":                {"POST", "", "", `{"scopes":[""]}`, []string{"scopes"}},
	"scope with a star inside":   {"POST", "", "", `{"scopes":["agent.*.read"]}`, []string{"scopes"}},
	"scope with a space":         {"POST", "", "", `{"scopes":["agent.read agent.write"]}`, []string{"scopes"}},
	"too many scopes":            {"POST", "", "", `{"scopes":[` + many(`"agent.read"`, 101) + `]}`, []string{"scopes"}},
	"allowlist null":             {"POST", "", "", `{"allowed_ips":null}`, []string{"allowed_ips"}},
	"allowlist with host bits":   {"POST", "", "", `{"allowed_ips":["10.0.0.1/8"]}`, []string{"allowed_ips"}},
	"allowlist with octal":       {"POST", "", "", `{"allowed_ips":["010.0.0.1"]}`, []string{"allowed_ips"}},
	"too many addresses":         {"POST", "", "", `{"allowed_ips":[` + many(`"10.0.0.1"`, 1001) + `]}`, []string{"allowed_ips"}},
	"limits null":                {"POST", "", "", `{"limits":null}`, []string{"limits"}},
	"limits a text":              {"POST", "", "", `{"limits":"50/1m"}`, []string{"limits"}},
	"limits with a number":       {"POST", "", "", `{"limits":[50]}`, []string{"limits"}},
	"limit empty":                {"POST", "", "", `{"limits":[""]}`, []string{"limits"}},
	"limit of 0":                 {"POST", "", "", `{"limits":["0/1m"]}`, []string{"limits"}},
	"limit without a duration":   {"POST", "", "", `{"limits":["50"]}`, []string{"limits"}},
	"limit of a month":           {"POST", "", "", `{"limits":["50/month"]}`, []string{"limits"}},
	"limit of half a second":     {"PATCH", "/key_target", "", `{"limits":["50/500ms"]}`, []string{"limits"}},
	"limits of one duration":     {"PATCH", "/key_target", "", `{"limits":["50/1m","60/60s"]}`, []string{"limits"}},
	"too many limits":            {"PATCH", "/key_target", "", `{"limits":["1/1s","2/2s","3/3s","4/4s","5/5s"]}`, []string{"limits"}},
	"limits among good fields":   {"PATCH", "/key_target", "", `{"name":"good","limits":["50/fortnight"]}`, []string{"limits"}},
	"quotas of a key":            {"PATCH", "/key_target", "", `{"quotas":["50/day"]}`, []string{"quotas"}},
	"expiry no time":             {"POST", "", "", `{"expires_at":"tomorrow"}`, []string{"expires_at"}},
	"expiry past":                {"POST", "", "", `{"expires_at":"2020-01-01T00:00:00Z"}`, []string{"expires_at"}},
	"workspace no id":            {"POST", "", "", `{"workspace":"a b"}`, []string{"workspace"}},
	"workspace of all":           {"POST", "", "", `{"workspace":"*"}`, []string{"workspace"}},
	"no JSON":                    {"POST", "", "", `{"name":}`, []string{"reason"}},
	"two values":                 {"POST", "", "", `{}{}`, []string{"reason"}},
	"a list":                     {"POST", "", "", `[]`, []string{"reason"}},
	"null":                       {"POST", "", "", `null`, []string{"reason"}},
	"no UTF-8":                   {"POST", "", "", "{\"name\":\"\xff\"}", []string{"reason"}},
	"half a character":           {"POST", "", "", `{"name":"\ud800"}`, []string{"reason"}},
	"name twice deeper":          {"POST", "", "", `{"scopes":[{"a":1,"a":2}]}`, []string{"reason"}},
	"too deep":                   {"POST", "", "", `{"scopes":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, []string{"reason"}},
	"parameter when made":        {"POST", "", "workspace=ws", `{}`, []string{"query"}},
	"change without a body":      {"PATCH", "/key_target", "", ``, []string{"reason"}},
	"change of the workspace":    {"PATCH", "/key_target", "", `{"workspace":"ws"}`, []string{"workspace"}},
	"change of the revocation":   {"PATCH", "/key_target", "", `{"revoked_at":null}`, []string{"revoked_at"}},
	"change of the creation":     {"PATCH", "/key_target", "", `{"created_at":null}`, []string{"created_at"}},
	"disabled no flag":           {"PATCH", "/key_target", "", `{"disabled":"true"}`, []string{"disabled"}},
	"disabled null":              {"PATCH", "/key_target", "", `{"disabled":null}`, []string{"disabled"}},
	"one good and one bad":       {"PATCH", "/key_target", "", `{"name":"good","scopes":["a..b"]}`, []string{"scopes"}},
	"change to the past":         {"PATCH", "/key_target", "", `{"expires_at":"2020-01-01T00:00:00Z"}`, []string{"expires_at"}},
	"grace no duration":          {"POST", "/key_target/rotate", "", `{"grace":"soon"}`, []string{"grace"}},
	"grace a number":             {"POST", "/key_target/rotate", "", `{"grace":24}`, []string{"grace"}},
	"grace too long":             {"POST", "/key_target/rotate", "", `{"grace":"367d"}`, []string{"grace"}},
	"grace negative":             {"POST", "/key_target/rotate", "", `{"grace":"-1h"}`, []string{"grace"}},
	"rotate unknown field":       {"POST", "/key_target/rotate", "", `{"secret":"mine"}`, []string{"secret"}},
	"revoke with a parameter":    {"DELETE", "/key_target", "x=1", ``, []string{"query"}},
	"show with a parameter":      {"GET", "/key_target", "workspace=ws", ``, []string{"query"}},
	"list unknown parameter":     {"GET", "", "page=2", ``, []string{"page"}},
	"list parameter twice":       {"GET", "", "limit=1&limit=2", ``, []string{"limit"}},
	"list limit 0":               {"GET", "", "limit=0", ``, []string{"limit"}},
	"list limit too high":        {"GET", "", "limit=201", ``, []string{"limit"}},
	"list limit no number":       {"GET", "", "limit=ten", ``, []string{"limit"}},
	"list after no id":           {"GET", "", "after=%20", ``, []string{"after"}},
	"list workspace empty":       {"GET", "", "workspace=", ``, []string{"workspace"}},
	"list unused no duration":    {"GET", "", "unused=long", ``, []string{"unused"}},
	"list unused a plain number": {"GET", "", "unused=90", ``, []string{"unused"}},
	"list unused negative":       {"GET", "", "unused=-1d", ``, []string{"unused"}},
	"list unused overflowing":    {"GET", "", "unused=999999999999d", ``, []string{"unused"}},
	"list unused empty":          {"GET", "", "unused=", ``, []string{"unused"}},
	"list expiring no duration":  {"GET", "", "expiring=soon", ``, []string{"expiring"}},
	"list expiring twice":        {"GET", "", "expiring=1d&expiring=2d", ``, []string{"expiring"}},
	"list scope empty":           {"GET", "", "scope=", ``, []string{"scope"}},
	"list scope, star inside":    {"GET", "", "scope=a.*.b", ``, []string{"scope"}},
	"list scope, parameter":      {"GET", "", "scope=a.:b.c", ``, []string{"scope"}},
	"list in other letters":      {"GET", "", "Scope=agent.read", ``, []string{"Scope"}},
	"list query not well formed": {"GET", "", "a=%zz", ``, []string{"query"}},
}

// TestMistakes: whatever is wrong is said by field, all of it at once, and nothing is written.
func TestMistakes(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	for name, c := range mistakes {
		t.Run(name, func(t *testing.T) {
			answer, refused := d.ask(t, c.method, c.path, c.query, c.body)
			require.Nil(t, answer)
			require.NotNil(t, refused)
			require.Equal(t, http.StatusBadRequest, refused.StatusCode())
			require.Equal(t, refusal.CodeInvalid, refused.Code())
			require.ElementsMatch(t, c.wrong, slices.Collect(maps.Keys(refused.Details)))
			d.untouched(t)
			require.Equal(t, "target", d.keys(t)[1].Name)
		})
	}
}

func TestThereIsNothingElse(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "tollgate.admin.*")
	for _, r := range []string{
		"PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "get ", "POST /key_target", "PUT /key_target", "GET /key_target/rotate",
		"DELETE /key_target/rotate", "POST /key_target/", "GET /key_target/", "GET /", "POST /", "POST //rotate", "POST /key_target/rotate/",
		"POST /key_target/rotate/x", "POST /key_target/Rotate", "GET /key_target/history",
	} {
		t.Run(r, func(t *testing.T) {
			method, path, _ := strings.Cut(r, " ")
			_, refused := d.ask(t, method, path, "", "")
			require.NotNil(t, refused)
			require.Equal(t, http.StatusNotFound, refused.StatusCode())
		})
	}
	d.untouched(t)
}

// TestAFullBodyFits: MaxBody holds a key with all that one may have.
func TestAFullBodyFits(t *testing.T) {
	longest := strings.Repeat("ffff:", 7) + "ffff/128"
	full := `{"workspace":"` + strings.Repeat("w", 64) + `","name":"` + strings.Repeat(`\ud83d\ude00`, 64) + `","expires_at":"2087-01-01T00:00:00.000000+00:00",` +
		`"scopes":[` + strings.Repeat(`"`+strings.Repeat("s", 128)+`", `, 100) + `""],"limits":[` + many(`"1099511627776/366d"`, 4) + `],"allowed_ips":[` + strings.Repeat(`"`+longest+`", `, 1000) + `""]}`
	require.Less(t, len(full), MaxBody)
}
