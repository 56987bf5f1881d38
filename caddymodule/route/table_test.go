package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// get is a route of GET with the pattern, written at line 1.
func get(pattern string) *Route {
	return &Route{Methods: []string{"GET"}, Pattern: pattern, Source: "Caddyfile:1"}
}

func TestNewRefusesTemplates(t *testing.T) {
	for name, test := range map[string]struct{ pattern, reason string }{
		"an empty one":                    {"", "begins with a slash"},
		"no leading slash":                {"leads", "begins with a slash"},
		"the asterisk-form":               {"*", "begins with a slash"},
		"braces":                          {"/leads/{id}", "write :name"},
		"what Caddy made of braces":       {"/leads/{http.vars.id}", "braces do not make parameters"},
		"a query":                         {"/leads?x=1", "does not take a query"},
		"an empty query":                  {"/leads?", "does not take a query"},
		"a fragment":                      {"/leads#x", "must be percent-encoded"},
		"an empty segment":                {"/a//b", "empty segment"},
		"a dot segment":                   {"/a/../b", "dot segment"},
		"a semicolon":                     {"/a;b", "semicolon"},
		"a backslash":                     {`/a\b`, "backslash"},
		"a space":                         {"/a b", "must be percent-encoded"},
		"raw non-ASCII":                   {"/café", "not percent-encoded"},
		"an encoded slash":                {"/a%2Fb", "encoded slash"},
		"an encoded letter":               {"/%61", "needs no encoding"},
		"invalid UTF-8":                   {"/%ff", "UTF-8"},
		"a bad encoding":                  {"/a%zz", "incomplete percent-encoding"},
		"a wildcard before the end":       {"/*/a", "only as the whole last segment"},
		"a wildcard with a final slash":   {"/a/*/", "only as the whole last segment"},
		"a wildcard with a prefix":        {"/a/b*", "%2A"},
		"a wildcard with a suffix":        {"/a/*b", "%2A"},
		"two asterisks":                   {"/a/**", "%2A"},
		"a wildcard in a parameter":       {"/a/:x*", "%2A"},
		"a named wildcard":                {"/a/:*", "%2A"},
		"a parameter without a name":      {"/a/:", "a name of"},
		"a parameter name with a digit":   {"/a/:1", "the first no digit"},
		"a parameter name with a hyphen":  {"/a/:lead-id", "a name of"},
		"a parameter name with a dot":     {"/a/:id.json", "a name of"},
		"two parameters in one segment":   {"/a/:x:y", "a name of"},
		"an encoded parameter name":       {"/a/:%20", "a name of"},
		"a parameter behind a prefix":     {"/a/x:y", "%3A"},
		"a colon at the end of a literal": {"/a/x:", "%3A"},
		"a parameter name used twice":     {"/a/:x/b/:x", "parameter :x stands in it twice"},
		"too many segments":               {strings.Repeat("/a", MaxSegments+1), "33 segments: at most 32"},
		"too long a literal":              {"/" + strings.Repeat("a", MaxLiteral+1), "129 bytes: at most 128"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := New([]*Route{get(test.pattern)})
			require.ErrorContains(t, err, test.reason)
			require.ErrorContains(t, err, fmt.Sprintf("Caddyfile:1: reading route %q: ", test.pattern))
		})
	}
}

func TestNewAcceptsTemplates(t *testing.T) {
	for _, pattern := range []string{
		"/", "/*", "/a/", "/:x/", "/a/:x/*", "/%3Ax", "/a/%2A", "/a%3Ab", "/caf%C3%A9", "/.well-known/x", "/:_", "/:Lead_id2", "/a.b", "/[x]",
		strings.Repeat("/a", MaxSegments), strings.Repeat("/a", MaxSegments) + "/", "/" + strings.Repeat("%C3%A9", MaxLiteral/2),
	} {
		table, err := New([]*Route{get(pattern)})
		require.NoError(t, err, pattern)
		require.NotNil(t, table)
	}
}

func TestNewRefusesRoutes(t *testing.T) {
	for name, test := range map[string]struct {
		route  Route
		reason string
	}{
		"no method":                  {Route{Pattern: "/"}, "it has no method"},
		"TRACE":                      {Route{Methods: []string{"GET", "TRACE"}, Pattern: "/"}, "method TRACE cannot be routed"},
		"CONNECT":                    {Route{Methods: []string{"CONNECT"}, Pattern: "/"}, "method CONNECT cannot be routed"},
		"any method":                 {Route{Methods: []string{"ANY"}, Pattern: "/x"}, `"ANY" is not a method, and there is no word for all of them: list those that the route takes, such as GET,POST,PUT,PATCH,DELETE`},
		"all methods":                {Route{Methods: []string{"GET", "all"}, Pattern: "/x"}, "list those that the route takes"},
		"a star for a method":        {Route{Methods: []string{"*"}, Pattern: "/x"}, "list those that the route takes"},
		"lower-case method":          {Route{Methods: []string{"get"}, Pattern: "/"}, `method "get" is not valid: write capitals`},
		"lower-case TRACE":           {Route{Methods: []string{"trace"}, Pattern: "/"}, "not valid"},
		"empty method":               {Route{Methods: []string{""}, Pattern: "/"}, "not valid"},
		"a list in one method":       {Route{Methods: []string{"GET,POST"}, Pattern: "/"}, "not valid"},
		"a method twice":             {Route{Methods: []string{"GET", "POST", "GET"}, Pattern: "/"}, "method GET is listed twice"},
		"negative cost":              {Route{Methods: []string{"GET"}, Pattern: "/", Cost: -1}, "cost -1 is not valid"},
		"cost above every limit":     {Route{Methods: []string{"GET"}, Pattern: "/", Cost: record.MaxLimit + 1}, "is not valid: write 1 to 1099511627776"},
		"negative body limit":        {Route{Methods: []string{"GET"}, Pattern: "/", BodyLimit: -1}, "body limit -1"},
		"public with scopes":         {Route{Methods: []string{"GET"}, Pattern: "/", Public: true, Scopes: []string{"a"}}, "a public route needs no scopes: remove a"},
		"public with a cost":         {Route{Methods: []string{"GET"}, Pattern: "/", Public: true, Cost: 1}, "a public route spends nothing"},
		"public with a body limit":   {Route{Methods: []string{"GET"}, Pattern: "/", Public: true, BodyLimit: 1}, "a public route asks no policy"},
		"public whoami":              {Route{Methods: []string{"GET"}, Pattern: "/", Public: true, Whoami: true}, "cannot be public"},
		"whoami with scopes":         {Route{Methods: []string{"GET"}, Pattern: "/", Whoami: true, Scopes: []string{"a"}}, "a whoami route needs no scopes"},
		"whoami with a cost":         {Route{Methods: []string{"GET"}, Pattern: "/", Whoami: true, Cost: 2}, "a whoami route spends nothing"},
		"whoami with a body limit":   {Route{Methods: []string{"GET"}, Pattern: "/", Whoami: true, BodyLimit: 1}, "a whoami route asks no policy"},
		"scopes that are not there":  {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{""}}, "a scope is empty"},
		"scopes with an empty part":  {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"a..b"}}, `scope "a..b": a scope is empty`},
		"scopes with a final dot":    {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"a."}}, `scope "a."`},
		"scopes with white space":    {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"a b"}}, "is not allowed"},
		"scopes with a placeholder":  {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"a.{id}"}}, "is not allowed"},
		"a wildcard scope":           {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"agent.*"}}, "'*' is for the scopes of a key"},
		"the scope for all":          {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"*"}}, "'*' is for the scopes of a key"},
		"a scope twice":              {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{"a", "b", "a"}}, `scope "a" is needed twice`},
		"too long a scope":           {Route{Methods: []string{"GET"}, Pattern: "/", Scopes: []string{strings.Repeat("a", record.MaxScopeLength+1)}}, "at most 128"},
		"a scope's unknown name":     {Route{Methods: []string{"GET"}, Pattern: "/:id", Scopes: []string{"a.:document"}}, "the template has no parameter :document"},
		"a scope's empty name":       {Route{Methods: []string{"GET"}, Pattern: "/:id", Scopes: []string{"a.:"}}, "the template has no parameter :"},
		"a scope's name in capitals": {Route{Methods: []string{"GET"}, Pattern: "/:id", Scopes: []string{"a.:ID"}}, "the template has no parameter :ID"},
		"a scope's wildcard name":    {Route{Methods: []string{"GET"}, Pattern: "/:id/*", Scopes: []string{"a.:*"}}, "is not a parameter"},
		"half a scope segment":       {Route{Methods: []string{"GET"}, Pattern: "/:id", Scopes: []string{"a.x:id"}}, "is not allowed"},
		"more than a scope segment":  {Route{Methods: []string{"GET"}, Pattern: "/:id", Scopes: []string{"a.:id-x"}}, "the template has no parameter :id-x"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			test.route.Source = "Caddyfile:7"
			_, err := New([]*Route{&test.route})
			require.ErrorContains(t, err, test.reason)
			require.ErrorContains(t, err, "Caddyfile:7: reading route")
		})
	}
}

func TestNewRefusesTwoRoutesOfOnePrecision(t *testing.T) {
	for name, test := range map[string]struct {
		first, second, methods, others string
		method                         string // that both match; "": no error
	}{
		"the same template":                  {"/a", "/a", "GET", "GET", "GET"},
		"one method of several":              {"/a", "/a", "GET,POST", "PUT,POST", "POST"},
		"GET beside HEAD":                    {"/a", "/a", "GET", "HEAD", "HEAD"},
		"HEAD beside GET":                    {"/a", "/a", "HEAD", "GET", "HEAD"},
		"other parameter names":              {"/a/:x/b/:y", "/a/:y/b/:z", "GET", "GET", "GET"},
		"other spellings of one literal":     {"/a%21", "/a!", "GET", "GET", "GET"},
		"other hex digits":                   {"/caf%c3%a9", "/caf%C3%A9", "GET", "GET", "GET"},
		"two wildcards":                      {"/a/*", "/a/*", "GET", "GET", "GET"},
		"two roots":                          {"/", "/", "GET", "GET", "GET"},
		"other methods":                      {"/a", "/a", "GET", "POST,PUT", ""},
		"HEAD beside POST":                   {"/a", "/a", "HEAD", "POST", ""},
		"another letter case":                {"/a/b", "/a/B", "GET", "GET", ""},
		"a final slash":                      {"/a", "/a/", "GET", "GET", ""},
		"a parameter beside a wildcard":      {"/a/:x", "/a/*", "GET", "GET", ""},
		"a literal beside a parameter":       {"/a/b", "/a/:x", "GET", "GET", ""},
		"overlapping with another precision": {"/a/:x", "/:x/b", "GET", "GET", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New([]*Route{
				{Methods: strings.Split(test.methods, ","), Pattern: test.first, Source: "Caddyfile:3"},
				{Methods: []string{"OPTIONS"}, Pattern: "/between"},
				{Methods: strings.Split(test.others, ","), Pattern: test.second, Source: "site.caddy:9"},
			})
			if test.method == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, fmt.Sprintf(
				"site.caddy:9: reading route %q: %s requests match route %q of Caddyfile:3 with the same precision: remove one of them",
				test.second, test.method, test.first))
		})
	}
	t.Run("names routes without a source", func(t *testing.T) {
		_, err := New([]*Route{{Methods: []string{"GET"}, Pattern: "/:x"}, {Methods: []string{"GET"}, Pattern: "/:y"}})
		require.EqualError(t, err, `reading route "/:y": GET requests match route "/:x" of the same table with the same precision: remove one of them`)
	})
}

func TestNewBoundsTheTable(t *testing.T) {
	routes := make([]*Route, MaxRoutes+1)
	for i := range routes {
		routes[i] = get(fmt.Sprintf("/r%d/:x", i))
	}
	_, err := New(routes)
	require.ErrorContains(t, err, "10001 routes are too many, at most 10000")
	full, err := New(routes[:MaxRoutes])
	require.NoError(t, err)
	require.Equal(t, "/r9999/:x x=1", outcome(t, full, "GET /r9999/1"))
}

func TestNewKeepsACopyWithTheDefaults(t *testing.T) {
	given := []*Route{
		{Methods: []string{"GET"}, Pattern: "/a", Scopes: []string{"a.b"}, BodyLimit: 9, Source: "Caddyfile:1"},
		{Methods: []string{"GET"}, Pattern: "/b", Cost: record.MaxLimit},
		{Methods: []string{"GET"}, Pattern: "/c", Public: true},
		{Methods: []string{"GET"}, Pattern: "/d", Whoami: true},
	}
	table, err := New(given)
	require.NoError(t, err)
	require.Zero(t, given[0].Cost, "what is given stays as it is")
	given[0].Methods[0], given[0].Scopes[0], given[0].Pattern = "POST", "x", "/x"

	for path, want := range map[string]Route{
		"/a": {Methods: []string{"GET"}, Pattern: "/a", Scopes: []string{"a.b"}, Cost: 1, BodyLimit: 9, Source: "Caddyfile:1"},
		"/b": {Methods: []string{"GET"}, Pattern: "/b", Cost: record.MaxLimit},
		"/c": {Methods: []string{"GET"}, Pattern: "/c", Public: true},
		"/d": {Methods: []string{"GET"}, Pattern: "/d", Whoami: true},
	} {
		var m Match
		found, err := table.Match("GET", path, &m)
		require.NoError(t, err)
		require.True(t, found, path)
		require.Equal(t, want, *m.Route)
	}
}
