package envelope

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"max_body 0", Config{}, "reading max_body: it is 0 bytes: write 1 to 16777216, or leave it out for 65536"},
		{"max_body negative", Config{MaxBody: -1}, "reading max_body: it is -1 bytes"},
		{"max_body without bound", Config{MaxBody: 64 << 30}, "reading max_body: it is 68719476736 bytes"},
		{"unknown code", Config{MaxBody: 1, Rules: []Rule{on("TEAPOT", "x")}}, `reading classify: unknown code "TEAPOT": write one of UNAUTHORIZED, FORBIDDEN, VALIDATION_ERROR, NOT_FOUND, RATE_LIMITED, INTERNAL_ERROR`},
		{"code in lower case", Config{MaxBody: 1, Rules: []Rule{on("not_found", "x")}}, `unknown code "not_found"`},
		{"bad regexp", Config{MaxBody: 1, Rules: []Rule{on(refusal.CodeNotFound, "(")}}, `compiling classify pattern "(": error parsing regexp: missing closing ): `},
		{"look-ahead", Config{MaxBody: 1, Rules: []Rule{on(refusal.CodeNotFound, "(?=x)")}}, "compiling classify pattern"},
		{"unknown group", Config{MaxBody: 1, Rules: []Rule{on(refusal.CodeNotFound, "(?P<Field>x)")}}, `unknown group "Field": the only named group is field`},
		{"empty pattern", Config{MaxBody: 1, Rules: []Rule{on(refusal.CodeNotFound, "")}}, "the pattern is empty"},
		{"second rule", Config{MaxBody: 1, Rules: []Rule{on(refusal.CodeNotFound, "x"), on("X", "y")}}, `unknown code "X"`},
		{"status of another code", Config{MaxBody: 1, Rules: []Rule{{Code: refusal.CodeInvalid, Status: 404, Pattern: "x"}}}, "reading classify: status 404 does not go with VALIDATION_ERROR: write 400, or another of 4xx that goes with no other code, or no status"},
		{"5xx for a caller's mistake", Config{MaxBody: 1, Rules: []Rule{{Code: refusal.CodeForbidden, Status: 503, Pattern: "x"}}}, "status 503 does not go with FORBIDDEN: write 402 or 403 or 451, or no status"},
		{"4xx for an internal error", Config{MaxBody: 1, Rules: []Rule{{Code: refusal.CodeInternal, Status: 400, Pattern: "x"}}}, "status 400 does not go with INTERNAL_ERROR: write one from 500 to 599, or no status"},
		{"no error's status", Config{MaxBody: 1, Rules: []Rule{{Code: refusal.CodeInternal, Status: 200, Pattern: "x"}}}, "status 200 does not go with"},
		{"no status at all", Config{MaxBody: 1, Rules: []Rule{{Code: refusal.CodeInternal, Status: 600, Pattern: "x"}}}, "status 600 does not go with"},
		{"source", Config{MaxBody: 1, Rules: []Rule{{Code: refusal.CodeNotFound, Pattern: "(", Source: "Caddyfile:12"}}}, `Caddyfile:12: compiling classify pattern "("`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := NewMapper(tt.config)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, m)
		})
	}
}

func TestRules(t *testing.T) {
	m := newMapper(t, on(refusal.CodeNotFound, `(no)(thing)?(?P<field>[a-z]+)?`), on(refusal.CodeInvalid, `(?<field>\d+)|-(?P<field>[xy])`))
	for message, want := range map[string][2]string{
		"nothingabc": {"NOT_FOUND", "abc"}, "no": {"NOT_FOUND", ""}, "7 x": {"VALIDATION_ERROR", "7"}, "-y": {"VALIDATION_ERROR", "y"}, "?": {"", ""},
	} {
		said := m.classify(message)
		require.Equal(t, want, [2]string{string(said.code), said.field}, message)
	}
}
