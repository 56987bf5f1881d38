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
		{"source", Config{MaxBody: 1, Rules: []Rule{{refusal.CodeNotFound, "(", "Caddyfile:12"}}}, `Caddyfile:12: compiling classify pattern "("`},
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
		code, field, found := m.classify(message)
		require.Equal(t, want, [2]string{string(code), field}, message)
		require.Equal(t, want[0] != "", found)
	}
}
