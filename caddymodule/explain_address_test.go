package caddymodule

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseAddress: whatever is written, the target is judged byte for byte as it was written.
func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"/leads", "/leads?a=1", "http://h/x//y", "https://h:8443?q", "http://", "leads", "https://[::1]:1/%zz", "/a://b", "HTTP://h/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAddress(text)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(a.target, "/"))
		head := ""
		if a.scheme != "" {
			head = a.scheme + "://" + a.host
		}
		require.Contains(t, []string{head + a.target, head + a.target[1:]}, text, "at most a missing slash was added")
		require.Equal(t, strings.Contains(a.target, "?"), a.hasQuery)
		_, _, _ = a.hostPort() // never panics
	})
}
