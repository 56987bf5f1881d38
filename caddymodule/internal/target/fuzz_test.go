package target

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Of the characters that a canonical path may hold: raw ones, and encoded ASCII that is neither unreserved, control,
// slash nor backslash (20-2c, 3a-40, 5b, 5d, 5e, 60, 7b-7d), and encoded bytes beyond ASCII.
var canonical = regexp.MustCompile(`^(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@\[\]-]|%(?:2[0-9a-cA-C]|3[a-fA-F]|40|5[bBdDeE]|60|7[b-dB-D]|[89a-fA-F][0-9a-fA-F]))*)+$`)

// acceptable restates the reject list without the parser under test.
func acceptable(requestURI string) bool {
	raw, query, _ := strings.Cut(requestURI, "?")
	if requestURI == "*" {
		return true
	}
	if strings.ContainsAny(query, " #\x7f") || strings.IndexFunc(query, func(r rune) bool { return r < ' ' }) >= 0 {
		return false
	}
	if raw == "" {
		return true
	}
	if !canonical.MatchString(raw) || strings.Contains(raw, "//") {
		return false
	}
	for segment := range strings.SplitSeq(raw, "/") {
		text, _ := url.PathUnescape(segment)
		if text, _, _ = strings.Cut(text, ";"); text == "." || text == ".." {
			return false
		}
	}
	decoded, err := url.PathUnescape(raw)
	return err == nil && utf8.ValidString(decoded)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"/", "*", "", "?x", "/a/b?c=d", "//a", "/./a", "/a/..", "/a/.../b", "/%2e", "/%252e", "/caf%C3%A9", "/%c0%af", "/%E2%82",
		"/a%2Fb|c", "/a;b", "/%3b", "/..%3bx/a", "/.%3B", "/a..%3b", `/a\b`, "/[x]", "/a?b#c", "/a?b c", "http://x/y", "/%F0%9F%98%80", "/%", "/a%2", "/\x80",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, requestURI string) {
		got, err := parse(requestURI)
		require.Equal(t, acceptable(requestURI), err == nil, "%q: %v", requestURI, err)
		if err != nil {
			require.Zero(t, got)
			return
		}
		if got.Path == "" {
			return
		}
		u, err := url.ParseRequestURI(requestURI)
		require.NoError(t, err, "%q", requestURI)
		require.Equal(t, got.Path, u.EscapedPath(), "upstream gets the bytes that were judged")
		require.Equal(t, got.RawQuery, u.RawQuery)
		require.True(t, strings.HasPrefix(requestURI, got.Path), "the bytes that came")
		require.Equal(t, u.Path, string(AppendDecoded(nil, got.Path)))

		// Whatever a reader behind us repairs, it finds nothing to repair.
		require.Equal(t, path.Clean(u.Path), strings.TrimSuffix(u.Path, "/")+map[bool]string{true: "/"}[u.Path == "/"])
		require.Equal(t, strings.Count(got.Path, "/"), strings.Count(u.Path, "/"), "decoding makes no slash")
		require.NotContains(t, u.Path, `\`)
		require.True(t, utf8.ValidString(u.Path))
		require.Equal(t, -1, strings.IndexFunc(u.Path, func(r rune) bool { return r < ' ' || r == 0x7f }))

		again, err := Parse(requestURI, u.EscapedPath())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func FuzzCheckQuery(f *testing.F) {
	for _, seed := range []string{"", "a=1&b", "a;b", "%", "%2", "%zz", "%20%", "a=%3B", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		// url.ParseQuery refuses the same: what is accepted loses no pair in it.
		_, err := url.ParseQuery(raw)
		require.Equal(t, err == nil, CheckQuery(raw) == nil, "%q", raw)
	})
}

func BenchmarkParse(b *testing.B) {
	for name, requestURI := range map[string]string{
		"plain":   "/api/v2/agent/leads/l1?from=2026-01-01",
		"encoded": "/api/v2/agent/leads/caf%C3%A9%20au%20lait",
	} {
		escapedPath, _, _ := strings.Cut(requestURI, "?")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(requestURI, escapedPath); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
