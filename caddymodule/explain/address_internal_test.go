package explain

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseAddress: whatever is written, the target is judged byte for byte as it was written.
func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"/leads", "/leads?a=1", "http://h/x//y", "https://h:8443?q", "http://", "leads", "https://[::1]:1/%zz", "/a://b", "HTTP://h/", "http://u:p@h/", "http://:80/", "http://h#x"} {
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
			head = text[:len(a.scheme)] + "://" + a.host
			require.True(t, strings.EqualFold(a.scheme, text[:len(a.scheme)]))
		}
		require.Contains(t, []string{head + a.target, head + a.target[1:]}, text, "at most a missing slash was added")
		require.Equal(t, strings.Contains(a.target, "?"), a.hasQuery)
		_, _, _ = a.hostPort() // never panics
	})
}

// TestParseAddress has what explain takes for the place of a request, and why it does not take the rest.
func TestParseAddress(t *testing.T) {
	for text, want := range map[string]address{
		"/leads":            {target: "/leads"},
		"/leads?a=http://h": {target: "/leads?a=http://h", hasQuery: true},
		"/http://h/x":       {target: "/http://h/x"},
		"HTTP://h/x":        {scheme: "http", host: "h", target: "/x"},
		"hTTps://h:8443":    {scheme: "https", host: "h:8443", target: "/"},
		"https://[::1]:1?q": {scheme: "https", host: "[::1]:1", target: "/?q", hasQuery: true},
		"http://h/u:p@x":    {scheme: "http", host: "h", target: "/u:p@x"},
	} {
		t.Run("takes/"+text, func(t *testing.T) {
			a, err := parseAddress(text)
			require.NoError(t, err)
			require.Equal(t, want, a)
		})
	}
	for text, want := range map[string]string{
		"":                "neither a path nor a URL",
		"leads":           "neither a path nor a URL",
		"ftp://h/x":       "neither a path nor a URL",
		"http://u:p@h/x":  "the URL holds a user name or password, which do not belong to a request target: leave out what stands before the '@'",
		"http://p@h:8080": "leave out what stands before the '@'",
		"http:///x":       "the URL has no host",
		"http://:80/x":    "the URL has no host",
		"http://h:x/":     "the port of the URL is not a number from 0 to 65535: it is 'x'",
		"http://h:70000/": "the port of the URL is not a number from 0 to 65535",
		"http://h#x":      "'h#x' is not a host",
		"http://a b/":     "'a b' is not a host",
	} {
		t.Run("refuses/"+text, func(t *testing.T) {
			_, err := parseAddress(text)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "u:p", "what may be a password is not repeated")
		})
	}
}

func TestCheckMethod(t *testing.T) {
	for _, method := range []string{"GET", "get", "PROPFIND", "M-SEARCH", "!#$%&'*+.^_`|~", strings.Repeat("A", 32)} {
		require.NoError(t, checkMethod(method), method)
	}
	for method, want := range map[string]string{
		"": "'' is not a method", "G T": "'G T' is not a method", "GET ": "'GET ' is not a method", "GET/": "is not a method", "GÉT": "is not a method",
		strings.Repeat("A", 33): "the server itself refuses this method with 405",
	} {
		require.ErrorContains(t, checkMethod(method), want, method)
	}
}
