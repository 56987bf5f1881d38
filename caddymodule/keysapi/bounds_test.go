package keysapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestWhatIsRepeatedIsBounded: however much is wrong with a request, the answer names the first of it and counts the rest.
func TestWhatIsRepeatedIsBounded(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	long := strings.Repeat("é", 60_000)
	fields := func(name string, n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"%s%d":1`, name, i))
		}
		return strings.Join(list, ",")
	}
	for name, c := range map[string]struct{ method, path, query, body string }{
		"unknown fields":           {"POST", "", "", "{" + fields("x", 10_000) + "}"},
		"unknown fields, escaped":  {"POST", "", "", "{" + fields(`\u0001\u0002`, 8_000) + "}"},
		"one unknown field":        {"POST", "", "", `{"` + long + `":1}`},
		"one unknown field, twice": {"POST", "", "", `{"` + long[:60_000] + `":1,"` + long[:60_000] + `":1}`},
		"a name":                   {"POST", "", "", `{"name":"` + long + `"}`},
		"a name that is escaped":   {"POST", "", "", `{"name":"` + strings.Repeat(`\u0001`, 20_000) + `"}`},
		"a scope":                  {"POST", "", "", `{"scopes":["` + long + `"]}`},
		"scopes that nobody holds": {"POST", "", "", `{"scopes":[` + many(`"`+strings.Repeat("x", 128)+`"`, 100) + `]}`},
		"an address":               {"POST", "", "", `{"allowed_ips":["` + long + `"]}`},
		"a time":                   {"POST", "", "", `{"expires_at":"` + long + `"}`},
		"a workspace":              {"POST", "", "", `{"workspace":"` + long + `"}`},
		"a grace":                  {"POST", "/key_target/rotate", "", `{"grace":"` + long + `"}`},
		"a change":                 {"PATCH", "/key_target", "", `{"disabled":0,` + fields("x", 10_000) + "}"},
		"parameters":               {"GET", "", strings.ReplaceAll(strings.Trim(fields("x", 1000), `"`), `,`, "&") + "&limit=" + strings.Repeat("9", 10_000), ""},
		"parameters that repeat":   {"GET", "", strings.Repeat("a=1&b=1&c=1&"+strings.Repeat("d", 10_000)+"=1&", 2), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, refused := d.ask(t, c.method, c.path, c.query, c.body)
			require.NotNil(t, refused)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden}, refused.StatusCode())
			require.LessOrEqual(t, len(refused.Details), mostDetails+1)
			require.Less(t, len(refused.JSON()), 16<<10)
			require.True(t, utf8.Valid(refused.JSON()))
			d.untouched(t)
		})
	}
}

// TestWhatIsKnownIsSaidFirst: a crowd of unknown fields does not crowd out what is wrong with a known one.
func TestWhatIsKnownIsSaidFirst(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	var crowd strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&crowd, `"a%03d":1,`, i)
	}
	_, refused := d.ask(t, "POST", "", "", "{"+crowd.String()+`"scopes":["a..b"],"name":7}`)
	require.NotNil(t, refused)
	require.Contains(t, refused.Details["scopes"], "has an empty segment")
	require.Equal(t, "must be a string", refused.Details["name"])
	require.Contains(t, refused.Details["a000"], "is not known here")
	require.Equal(t, "983 more fields are not known here", refused.Details[more])
	require.Len(t, refused.Details, mostDetails)
}

func TestClip(t *testing.T) {
	require.Equal(t, "abc", clip("abc", 3))
	require.Equal(t, "ab…", clip("abc", 2))
	require.Equal(t, "é…", clip("éé", 3))
	require.Equal(t, "…", clip("\U0001F600", 3))
}
