package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnErrorBeginsWithItsPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"adapting config using caddyfile: parsing caddyfile tokens for 'tollgate': tollgate: 'x' is unknown, at Caddyfile:9": "Caddyfile:9: tollgate: 'x' is unknown",
		"loading http app module: provision http: provision tollgate: Caddyfile:5: secrets: no such file":                    "Caddyfile:5: secrets: no such file",
		"provision tollgate: /etc/caddy/Caddyfile:5: policies: a.rego:3: is not known":                                       "/etc/caddy/Caddyfile:5: policies: a.rego:3: is not known",
		"loading new config: listen tcp localhost:2019: bind: address already in use":                                        "loading new config: listen tcp localhost:2019: bind: address already in use",
		"dial tcp: lookup redis on 127.0.0.1:53: no such host":                                                               "dial tcp: lookup redis on 127.0.0.1:53: no such host",
		"reading config: open x: no such file":                                                                               "reading config: open x: no such file",
	} {
		require.Equal(t, want, placeFirst(text))
	}
}

// TestTheLastLineSaysWhatToMend: whatever the log does, the terminal ends with file, line and what is wrong.
func TestTheLastLineSaysWhatToMend(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct{ options, want string }{
		"of a word":          {"plan pro 0/1m", `^Error: \S*Caddyfile:\d+: plan: window "0/1m"`},
		"of what is missing": {"secrets nowhere", `^Error: \S*Caddyfile:\d+: secrets: .*nowhere`},
	} {
		t.Run(name, func(t *testing.T) {
			place := w.write(t, "Caddyfile", "{\n admin off\n log default {\n output file caddy.log\n }\n tollgate {\n keys sqlite tollgate.db\n "+test.options+"\n }\n}\n:0 {\n tollgate {\n route GET /x\n }\n}\n")
			for _, command := range []string{"validate", "run"} {
				_, stderr, err := w.run(t, "", command, "--config", place)
				require.Error(t, err)
				lines := strings.Split(strings.TrimSpace(stderr), "\n")
				require.Regexp(t, regexp.MustCompile(test.want), lines[len(lines)-1], command)
			}
		})
	}
}
