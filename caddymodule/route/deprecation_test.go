package route

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func deprecated(t testing.TB, since, sunset, link string) *Deprecation {
	t.Helper()
	d := &Deprecation{Link: link}
	var err error
	if since != "" {
		d.Deprecated, err = ParseDate(since)
		require.NoError(t, err)
	}
	if sunset != "" {
		d.Sunset, err = ParseDate(sunset)
		require.NoError(t, err)
	}
	table, err := New([]*Route{{Methods: []string{"GET"}, Pattern: "/a", Deprecation: d}})
	require.NoError(t, err)
	return table.Routes()[0].Deprecation
}

func TestDeprecationHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		d    *Deprecation
		want http.Header
		says string
	}{
		// The example of RFC 9745, section 2.1, is Friday, June 30, 2023 at 23:59:59 UTC; that of RFC 8594, section 3, an HTTP date.
		"as the RFCs have it": {
			deprecated(t, "2023-06-30T23:59:59Z", "2024-06-30T23:59:59Z", "https://developer.example.com/deprecation"),
			http.Header{
				"Deprecation": {"@1688169599"}, "Sunset": {"Sun, 30 Jun 2024 23:59:59 GMT"},
				"Link": {`<https://developer.example.com/deprecation>; rel="deprecation"`},
			},
			"deprecated 2023-06-30T23:59:59Z, sunset 2024-06-30T23:59:59Z",
		},
		"days":               {deprecated(t, "2026-12-01", "2027-06-01", ""), http.Header{"Deprecation": {"@1796083200"}, "Sunset": {"Tue, 01 Jun 2027 00:00:00 GMT"}}, "deprecated 2026-12-01, sunset 2027-06-01"},
		"in another zone":    {deprecated(t, "2026-12-01T02:00:00+02:00", "", ""), http.Header{"Deprecation": {"@1796083200"}}, "deprecated 2026-12-01"},
		"a sunset alone":     {deprecated(t, "", "2027-06-01", "https://example.com/x?y=1#z"), http.Header{"Sunset": {"Tue, 01 Jun 2027 00:00:00 GMT"}, "Link": {`<https://example.com/x?y=1#z>; rel="sunset"`}}, "sunset 2027-06-01"},
		"on the day it goes": {deprecated(t, "2026-12-01", "2026-12-01", ""), http.Header{"Deprecation": {"@1796083200"}, "Sunset": {"Tue, 01 Dec 2026 00:00:00 GMT"}}, "deprecated 2026-12-01, sunset 2026-12-01"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			c.d.Set(h)
			require.Equal(t, c.want, h)
			require.Equal(t, c.says, c.d.String())
			h.Add("Deprecation", "x") // nothing that two answers share is written to
			h.Add("Link", "x")
			again := http.Header{}
			c.d.Set(again)
			require.Equal(t, c.want, again)
		})
	}
}

func TestDeprecationReplacesWhatTheBackendSaysOfItAndKeepsItsLinks(t *testing.T) {
	links := []string{`<https://example.com/?page=2>; rel="next"`, "unseen"}[:1]
	h := http.Header{"Deprecation": {"true"}, "sunset": {"never"}, "Link": links}
	deprecated(t, "2026-12-01", "", "https://example.com/changes").Set(h)
	require.Equal(t, http.Header{
		"Deprecation": {"@1796083200"},
		"Link":        {`<https://example.com/?page=2>; rel="next"`, `<https://example.com/changes>; rel="deprecation"`},
	}, h)
	require.Equal(t, "unseen", links[:2][1], "somebody else's slice is not written into")
}

func TestParseDateRefuses(t *testing.T) {
	for _, text := range []string{"", "soon", "2026-13-01", "2026-02-29", "1.12.2026", "2026-12-01 ", "@1688169599", "2026-12-01T00:00:00", "1999-12-31"} {
		_, err := ParseDate(text)
		require.ErrorContains(t, err, "date '"+text+"'", text)
	}
}

func BenchmarkDeprecation(b *testing.B) {
	d := deprecated(b, "2026-12-01", "2027-06-01", "https://example.com/changes")
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		clear(h)
		d.Set(h)
	}
}
