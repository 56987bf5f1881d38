package route

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// scoped is a table of one route that needs the scopes, beside one that needs none and a less precise one.
func scoped(t testing.TB, pattern string, scopes ...string) *Table {
	t.Helper()
	table, err := New([]*Route{
		{Methods: []string{"POST"}, Pattern: pattern, Scopes: scopes},
		{Methods: []string{"POST"}, Pattern: "/plain/:x"},
		{Methods: []string{"POST"}, Pattern: "/*"},
	})
	require.NoError(t, err)
	return table
}

func TestScopesTakeTheValuesOfParameters(t *testing.T) {
	long := strings.Repeat("d", record.MaxScopeLength-len("konecty..create"))
	for name, test := range map[string]struct {
		pattern string
		scopes  []string
		path    string
		want    []string
	}{
		"no parameter":          {"/a/:x", []string{"a.b", "c"}, "/a/1", []string{"a.b", "c"}},
		"no scope":              {"/a/:x", nil, "/a/1", nil},
		"in the middle":         {"/data/:document", []string{"konecty.:document.create"}, "/data/Contact", []string{"konecty.Contact.create"}},
		"first":                 {"/data/:document", []string{":document.create"}, "/data/Contact", []string{"Contact.create"}},
		"last":                  {"/data/:document", []string{"konecty.:document"}, "/data/Contact", []string{"konecty.Contact"}},
		"alone":                 {"/data/:document", []string{":document"}, "/data/Contact", []string{"Contact"}},
		"twice":                 {"/:x", []string{"a.:x.:x"}, "/1", []string{"a.1.1"}},
		"two, in other order":   {"/:x/:y", []string{"a.:y.:x", "b.:x", "c"}, "/1/2", []string{"a.2.1", "b.1", "c"}},
		"all that is allowed":   {"/:x", []string{"a.:x"}, "/Az09_-", []string{"a.Az09_-"}},
		"the longest":           {"/data/:document", []string{"konecty.:document.create"}, "/data/" + long, []string{"konecty." + long + ".create"}},
		"a name that begins so": {"/:id/:idx", []string{"a.:idx"}, "/1/2", []string{"a.2"}},
		"beside other values":   {"/:x/:y", []string{"a.:y"}, "/Contact.x/1", []string{"a.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var m Match
			found, err := scoped(t, test.pattern, test.scopes...).Match("POST", test.path, &m)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, test.want, m.Scopes)
		})
	}
}

func TestScopesRefuseValuesThatAreNoSegment(t *testing.T) {
	table := scoped(t, "/data/:document", "konecty.:document.create")
	for name, value := range map[string]string{
		"a dot":                    "Contact.x",
		"a wildcard":               "*",
		"an encoded wildcard":      "%2A",
		"a wildcard inside":        "C*",
		"an encoded space":         "a%20b",
		"a colon":                  ":document",
		"an encoded colon":         "%3Adocument",
		"a letter beyond ASCII":    "Conta%C3%A7t",
		"a Kelvin sign":            "%E2%84%AA",
		"a plus":                   "a+b",
		"a comma":                  "a,b",
		"a quote, encoded":         "a%22b",
		"an encoded percent":       "a%25b",
		"over-encoded dots":        "%252e%252e",
		"a tilde":                  "~",
		"longer than any scope":    strings.Repeat("a", record.MaxScopeLength),
		"a scope that a key holds": "Contact.create",
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			m := Match{Scopes: []string{"of the request before"}}
			found, err := table.Match("POST", "/data/"+value, &m)
			require.ErrorIs(t, err, ErrScopeParam)
			require.False(t, found, "whoever forgets the error has an unknown route")
			require.Nil(t, m.Scopes)
			require.Equal(t, "/data/:document", m.Route.Pattern)
			require.Equal(t, "document", m.Params[0].Name)
		})
	}
}

func TestNoValueIsNoScopeSegment(t *testing.T) {
	require.False(t, isScopeSegment(""))
	require.False(t, isScopeSegment((&Match{Params: []Param{{"x", "1"}}}).value("y")))
}

// One Match serves many requests, and the scopes of a Route are shared by all of them.
func TestMatchMayBeUsedAgain(t *testing.T) {
	table, err := New([]*Route{
		{Methods: []string{"GET"}, Pattern: "/fixed", Scopes: []string{"a.b", "c.d"}},
		{Methods: []string{"GET"}, Pattern: "/:x/:y", Scopes: []string{"x.:x", "y.:y"}},
		{Methods: []string{"GET"}, Pattern: "/free/:x"},
	})
	require.NoError(t, err)
	var m Match
	for range 2 {
		for _, test := range []struct {
			path   string
			found  bool
			params []Param
			scopes []string
		}{
			{"/fixed", true, []Param{}, []string{"a.b", "c.d"}},
			{"/1/2", true, []Param{{"x", "1"}, {"y", "2"}}, []string{"x.1", "y.2"}},
			{"/fixed", true, []Param{}, []string{"a.b", "c.d"}},
			{"/free/3", true, []Param{{"x", "3"}}, nil},
			{"/nothing", false, []Param{}, nil},
		} {
			found, err := table.Match("GET", test.path, &m)
			require.NoError(t, err)
			require.Equal(t, test.found, found)
			require.Equal(t, len(test.params), len(m.Params))
			require.ElementsMatch(t, test.params, m.Params)
			require.Equal(t, test.scopes, m.Scopes, test.path)
			require.Equal(t, test.found, m.Route != nil)
		}
	}
}
