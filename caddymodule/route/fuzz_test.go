package route

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
)

// compare says what the definition in the package comment says of one template and one path: its precision (one letter
// a segment), whether it matches in some spelling, and whether in this one. It splits and decodes, and knows no tree.
func compare(pattern, path string) (precision string, loose, exact bool) {
	split := func(s string) []string {
		if s == "/" {
			return nil
		}
		return strings.Split(strings.Trim(s, "/"), "/")
	}
	templates, segments := split(pattern), split(path)
	loose, exact = len(templates) == len(segments), strings.HasSuffix(pattern, "/") == strings.HasSuffix(path, "/")
	if strings.HasSuffix(pattern, "*") {
		loose, exact = len(templates) <= len(segments), true
	}
	for i := 0; loose && i < len(templates); i++ {
		switch template := templates[i]; {
		case template == "*":
			precision += "c"
		case strings.HasPrefix(template, ":"):
			precision += "b"
		default:
			precision += "a"
			want, err1 := url.PathUnescape(template)
			got, err2 := url.PathUnescape(segments[i])
			loose = fold(want) == fold(got) && err1 == nil && err2 == nil
			exact = exact && want == got
		}
	}
	return precision, loose, exact
}

// expected finds the route by trying all of them.
func expected(routes []*Route, method, path string) *Route {
	type candidate struct {
		*Route
		precision string
		exact     bool
	}
	var candidates []candidate
	for _, r := range routes {
		precision, loose, exact := compare(r.Pattern, path)
		if loose {
			candidates = append(candidates, candidate{r, precision, exact})
		}
	}
	for _, r := range routes { // the folder of a wildcard is as a route in another spelling, where it has none itself
		if folder, ok := strings.CutSuffix(r.Pattern, "*"); ok {
			precision, loose, _ := compare(folder, path)
			if loose && !slices.ContainsFunc(candidates, func(c candidate) bool { return c.precision == precision }) {
				candidates = append(candidates, candidate{r, precision, false})
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return strings.Compare(a.precision, b.precision) })
	for i := 0; i < len(candidates); {
		respelled := false
		precision := candidates[i].precision
		for ; i < len(candidates) && candidates[i].precision == precision; i++ {
			c := candidates[i]
			if c.exact && (slices.Contains(c.Methods, method) || method == "HEAD" && slices.Contains(c.Methods, "GET")) {
				return c.Route
			}
			respelled = respelled || !c.exact
		}
		if respelled {
			return nil
		}
	}
	return nil
}

// check holds one request against the definition.
func check(t *testing.T, routes []*Route, table *Table, method, requestURI string) {
	t.Helper()
	parsed, malformed := target.Parse(requestURI, requestURI)
	var m Match
	found, err := table.Match(method, requestURI, &m)
	if malformed != nil || parsed.Path != requestURI || parsed.Path == "" {
		return // it did not panic
	}
	require.NoError(t, err)
	want := expected(routes, method, parsed.Path)
	require.Equal(t, want != nil, found, "%s %s", method, requestURI)
	if !found {
		require.Nil(t, m.Route)
		return
	}
	require.Equal(t, want.Pattern, m.Route.Pattern, "%s %s", method, requestURI)

	// The parameters, encoded in any way, are those of the same route.
	rebuilt := rebuild(m.Route.Pattern, m.Params)
	again, err := target.Parse(rebuilt, rebuilt)
	require.NoError(t, err, "%q from %q", rebuilt, requestURI)
	var other Match
	found, err = table.Match(method, again.Path, &other)
	require.NoError(t, err)
	require.True(t, found, rebuilt)
	require.Same(t, m.Route, other.Route)
	require.Equal(t, m.Params, other.Params)
}

// rebuild puts the parameters into a template, everything encoded but unreserved characters.
func rebuild(pattern string, params []Param) string {
	encode := func(value string) string {
		var b strings.Builder
		for i := range len(value) {
			if c := value[i]; c == '/' || strings.IndexByte("-._~", c) >= 0 || isScopeSegment(string(rune(c))) && c < utf8.RuneSelf {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	}
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		if segment == "*" || strings.HasPrefix(segment, ":") {
			segments[i], params = encode(params[0].Value), params[1:]
		}
	}
	return strings.Join(segments, "/")
}

func FuzzMatch(f *testing.F) {
	f.Add("GET /leads/export\nGET,POST /leads/:id\nGET /leads/*", "GET", "/leads/EXPORT/")
	f.Add("GET /a/b/c\nPOST /a/:x/d\nGET /:y/*", "HEAD", "/a/B/d")
	f.Add("GET /\nGET /*\nGET /:x/", "GET", "/x/")
	f.Add("GET /caf%C3%A9\nGET /:x\nDELETE /caf%C3%89/", "GET", "/CAF%c3%a9")
	f.Add("GET /a!\nGET /:x\nPOST /%2521", "POST", "/%21")
	f.Add("GET /a/", "GET", "//a//")
	f.Fuzz(func(t *testing.T, lines, method, path string) {
		var routes []*Route
		for line := range strings.SplitSeq(lines, "\n") {
			methods, pattern, _ := strings.Cut(line, " ")
			routes = append(routes, &Route{Methods: strings.Split(methods, ","), Pattern: pattern})
		}
		table, err := New(routes)
		if err != nil {
			return
		}
		check(t, routes, table, method, path)
		for _, r := range routes {
			check(t, routes, table, method, strings.ToUpper(r.Pattern))
			check(t, routes, table, r.Methods[0], r.Pattern+"/")
			check(t, routes, table, r.Methods[0], strings.NewReplacer(":", "", "*", "x/y").Replace(r.Pattern))
		}
	})
}

// A few letters make many tables in which routes get in each other's way.
func TestMatchIsWhatTheDefinitionSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	found := 0
	for range 400 {
		var routes []*Route
		table, err := New(nil)
		require.NoError(t, err)
		for range 1 + random.IntN(8) {
			pattern := ""
			for i := range 1 + random.IntN(3) {
				pattern += "/" + pick("a", "b", "A", "a%21", "%C3%A9", "%C3%89", fmt.Sprintf(":p%d", i), fmt.Sprintf(":q%d", i))
			}
			pattern += pick("", "", "/", "/*")
			more := append(slices.Clone(routes), &Route{Methods: strings.Split(pick("GET", "POST", "GET,POST", "HEAD"), ","), Pattern: pattern})
			if grown, err := New(more); err == nil {
				routes, table = more, grown
			}
		}
		for range 40 {
			path := ""
			for range 1 + random.IntN(4) {
				path += "/" + pick("a", "b", "A", "B", "a!", "A%21", "%c3%a9", "%C3%89", "x")
			}
			path += pick("", "", "/")
			method := pick("GET", "POST", "HEAD", "PUT")
			check(t, routes, table, method, path)
			if expected(routes, method, path) != nil {
				found++
			}
		}
	}
	require.Greater(t, found, 1_000, "the tables and paths meet often enough to say something")
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"/", "/:x", "/*", "/a/:x/*", "/{x}", "/a//b", "/%3A", "/:x:y", "/caf%C3%A9/", "/a;b", "*"} {
		f.Add(seed, "a.:x.b", "v")
	}
	f.Fuzz(func(t *testing.T, pattern, scope, value string) {
		table, err := New([]*Route{{Methods: []string{"GET"}, Pattern: pattern, Scopes: []string{scope}}})
		if err != nil {
			return
		}
		// Every template that is accepted is matched by some path that is accepted.
		path := rebuild(pattern, slices.Repeat([]Param{{Value: "v"}}, MaxSegments))
		_, err = target.Parse(path, path)
		require.NoError(t, err, path)
		var m Match
		found, err := table.Match("GET", path, &m)
		require.NoError(t, err, path)
		require.True(t, found, path)
		require.Equal(t, strings.Count(scope, ".")+1, strings.Count(m.Scopes[0], ".")+1)

		// No value changes the shape of a scope.
		path = rebuild(pattern, slices.Repeat([]Param{{Value: value}}, MaxSegments))
		if _, err := target.Parse(path, path); err != nil {
			return
		}
		found, err = table.Match("GET", path, &m)
		if err != nil {
			require.True(t, errors.Is(err, ErrScopeParam))
			require.False(t, found)
		} else if found {
			require.Equal(t, strings.Count(scope, "."), strings.Count(m.Scopes[0], "."))
			require.NotContains(t, m.Scopes[0], "*")
			require.NotContains(t, m.Scopes[0], ":")
		}
	})
}
