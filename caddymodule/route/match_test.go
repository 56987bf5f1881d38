package route

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table builds a table of lines such as "GET,POST /leads/:id".
func table(t testing.TB, lines ...string) *Table {
	t.Helper()
	routes := make([]*Route, len(lines))
	for i, line := range lines {
		methods, pattern, found := strings.Cut(line, " ")
		require.True(t, found, line)
		routes[i] = &Route{Methods: strings.Split(methods, ","), Pattern: pattern}
	}
	built, err := New(routes)
	require.NoError(t, err)
	return built
}

// outcome is the pattern that a request finds and its parameters, as "/leads/:id id=l1", or "unknown".
func outcome(t testing.TB, table *Table, request string) string {
	t.Helper()
	method, path, found := strings.Cut(request, " ")
	require.True(t, found, request)
	var m Match
	found, err := table.Match(method, path, &m)
	require.NoError(t, err)
	if !found {
		require.Nil(t, m.Route)
		require.Empty(t, m.Params)
		require.Nil(t, m.Scopes)
		return "unknown"
	}
	text := m.Route.Pattern
	for _, p := range m.Params {
		text += " " + p.Name + "=" + p.Value
	}
	return text
}

// asks is a table and what its requests find.
type asks struct {
	routes []string
	finds  map[string]string
}

func (a asks) run(t *testing.T) {
	t.Helper()
	table := table(t, a.routes...)
	for request, want := range a.finds {
		require.Equal(t, want, outcome(t, table, request), request)
	}
}

func TestMatchTemplates(t *testing.T) {
	for name, test := range map[string]asks{
		"the root is its own path only": {
			[]string{"GET /"},
			map[string]string{"GET /": "/", "GET /a": "unknown", "GET ": "unknown", "GET *": "unknown", "GET a": "unknown"},
		},
		"no route matches an empty table": {nil, map[string]string{"GET /": "unknown", "GET /a/b": "unknown"}},
		"a literal is the whole segment": {
			[]string{"GET /v1/key"},
			map[string]string{
				"GET /v1/key": "/v1/key", "GET /v1/keys": "unknown", "GET /v1/key-admin": "unknown", "GET /v1/ke": "unknown",
				"GET /v1": "unknown", "GET /v1/key/a": "unknown", "GET /v1key": "unknown",
			},
		},
		"a prefix ends at a slash": {
			[]string{"GET /v1/key/*"},
			map[string]string{"GET /v1/keys": "unknown", "GET /v1/key-admin": "unknown", "GET /v1/key/a": "/v1/key/* *=a"},
		},
		"a parameter is one non-empty segment": {
			[]string{"GET /leads/:id"},
			map[string]string{
				"GET /leads/l1": "/leads/:id id=l1", "GET /leads/": "unknown", "GET /leads": "unknown",
				"GET /leads/l1/x": "unknown", "GET /leads/l1/": "unknown",
			},
		},
		"several parameters keep the order of the template": {
			[]string{"GET /a/:x/b/:y/:z"},
			map[string]string{"GET /a/1/b/2/3": "/a/:x/b/:y/:z x=1 y=2 z=3", "GET /a/1/c/2/3": "unknown"},
		},
		"parameters are decoded once": {
			[]string{"GET /a/:x", "GET /b/*"},
			map[string]string{
				"GET /a/J%C3%B6rg%20M": "/a/:x x=Jörg M", "GET /a/%252e%252e": "/a/:x x=%2e%2e", "GET /a/+": "/a/:x x=+",
				"GET /b/x%20y/%25": "/b/* *=x y/%",
			},
		},
		"a wildcard is one or more characters": {
			[]string{"GET /a/*"},
			map[string]string{
				"GET /a/b": "/a/* *=b", "GET /a/b/c": "/a/* *=b/c", "GET /a/b/": "/a/* *=b/", "GET /a/": "unknown", "GET /a": "unknown",
			},
		},
		"a wildcard at the root does not match the root": {
			[]string{"GET /*"},
			map[string]string{"GET /": "unknown", "GET /a": "/* *=a", "GET /a/b": "/* *=a/b"},
		},
		"a final slash makes another path": {
			[]string{"GET /a", "GET /b/", "GET /c", "GET /c/", "GET /d/:x/"},
			map[string]string{
				"GET /a": "/a", "GET /a/": "unknown", "GET /b": "unknown", "GET /b/": "/b/", "GET /c": "/c", "GET /c/": "/c/",
				"GET /d/1/": "/d/:x/ x=1", "GET /d/1": "unknown", "GET /d//": "unknown",
			},
		},
		"letter case makes another path": {
			[]string{"GET /v1/records"},
			map[string]string{"GET /V1/Records": "unknown", "GET /v1/records": "/v1/records"},
		},
		"literals that differ in case are two routes": {
			[]string{"GET /a/Export", "GET /a/export", "GET /a/:x"},
			map[string]string{"GET /a/Export": "/a/Export", "GET /a/export": "/a/export", "GET /a/EXPORT": "unknown"},
		},
		"literals compare percent-decoded": {
			[]string{"GET /caf%C3%A9/a!b/%3A%2A"},
			map[string]string{
				"GET /caf%C3%A9/a!b/:*":       "/caf%C3%A9/a!b/%3A%2A",
				"GET /caf%c3%a9/a%21b/%3a%2a": "/caf%C3%A9/a!b/%3A%2A",
				"GET /cafe/a!b/:*":            "unknown",
				"GET /caf%C3%A9/a%2521b/:*":   "unknown",
			},
		},
		"an encoded percent in a literal is not decoded twice": {
			[]string{"GET /%2521", "GET /:x"},
			map[string]string{"GET /%2521": "/%2521", "GET /%21": "/:x x=!", "GET /!": "/:x x=!"},
		},
	} {
		t.Run(name, test.run)
	}
}

func TestMatchPrecision(t *testing.T) {
	for name, test := range map[string]asks{
		"literal before parameter before wildcard": {
			[]string{"GET /a/*", "GET /a/:x", "GET /a/b"},
			map[string]string{"GET /a/b": "/a/b", "GET /a/c": "/a/:x x=c", "GET /a/c/d": "/a/* *=c/d", "GET /a/b/d": "/a/* *=b/d"},
		},
		"from the left, not by the number of literals": {
			[]string{"GET /:x/b/c", "GET /a/:y/:z"},
			map[string]string{"GET /a/b/c": "/a/:y/:z y=b z=c", "GET /d/b/c": "/:x/b/c x=d"},
		},
		"a wildcard behind a literal before a literal behind a parameter": {
			[]string{"GET /:x/b", "GET /a/*"},
			map[string]string{"GET /a/b": "/a/* *=b", "GET /c/b": "/:x/b x=c"},
		},
		"a literal that leads nowhere falls back": {
			[]string{"GET /a/b/c", "GET /a/:x/d"},
			map[string]string{"GET /a/b/c": "/a/b/c", "GET /a/b/d": "/a/:x/d x=b", "GET /a/b/e": "unknown", "GET /a/B/d": "/a/:x/d x=B"},
		},
		"falling back over several levels": {
			[]string{"GET /a/b/c/d", "GET /a/b/:x/e", "GET /a/*", "GET /:p/b/c/f"},
			map[string]string{
				"GET /a/b/c/d": "/a/b/c/d", "GET /a/b/c/e": "/a/b/:x/e x=c", "GET /a/b/c/f": "/a/* *=b/c/f", "GET /z/b/c/f": "/:p/b/c/f p=z",
			},
		},
		"parameters of a branch left behind are forgotten": {
			[]string{"GET /:a/:b/:c/x", "GET /:d/*"},
			map[string]string{"GET /1/2/3/x": "/:a/:b/:c/x a=1 b=2 c=3", "GET /1/2/3/y": "/:d/* d=1 *=2/3/y"},
		},
		"a method that the precise route lacks goes to the next one": {
			[]string{"GET /leads/export", "GET,POST /leads/:id", "DELETE /leads/*"},
			map[string]string{
				"GET /leads/export": "/leads/export", "POST /leads/export": "/leads/:id id=export",
				"DELETE /leads/export": "/leads/* *=export", "PUT /leads/export": "unknown",
			},
		},
		"methods of one path may be routes of their own": {
			[]string{"GET /a/:x", "POST /a/:y", "DELETE,PATCH /a/:x"},
			map[string]string{"GET /a/1": "/a/:x x=1", "POST /a/1": "/a/:y y=1", "PATCH /a/1": "/a/:x x=1", "PUT /a/1": "unknown"},
		},
		"HEAD counts as GET": {
			[]string{"GET /a", "POST /b", "HEAD /c", "GET,HEAD /d", "GET /*"},
			map[string]string{
				"HEAD /a": "/a", "HEAD /b": "/* *=b", "HEAD /c": "/c", "GET /c": "/* *=c", "HEAD /d": "/d", "POST /a": "unknown",
			},
		},
		"methods are case-sensitive": {
			[]string{"GET /a"},
			map[string]string{"get /a": "unknown", "Head /a": "unknown", " /a": "unknown"},
		},
	} {
		t.Run(name, test.run)
	}
}

func TestMatchNeverGivesASpellingToAWeakerRoute(t *testing.T) {
	for name, test := range map[string]asks{
		"letter case or final slash of a literal beside a parameter": {
			[]string{"GET /leads/export", "GET /leads/:id"},
			map[string]string{
				"GET /leads/export": "/leads/export", "GET /leads/EXPORT": "unknown", "GET /leads/Export": "unknown",
				"GET /leads/export/": "unknown", "GET /leads/EXPORT/": "unknown", "HEAD /leads/EXPORT": "unknown",
				"GET /LEADS/export": "unknown", "GET /leads/exports": "/leads/:id id=exports", "GET /leads/l1": "/leads/:id id=l1",
			},
		},
		"letter case or final slash of a literal beside a wildcard": {
			[]string{"GET /a/export", "GET /a/*"},
			map[string]string{
				"GET /a/EXPORT": "unknown", "GET /a/export/": "unknown", "GET /a/export/x": "/a/* *=export/x", "GET /a/EXPORT/x": "/a/* *=EXPORT/x",
			},
		},
		"final slash of a parameter beside a wildcard": {
			[]string{"GET /a/:x", "GET /a/*"},
			map[string]string{"GET /a/b/": "unknown", "GET /a/b": "/a/:x x=b", "GET /a/b/c/": "/a/* *=b/c/"},
		},
		"a final slash that the precise route has": {
			[]string{"GET /a/export/", "GET /a/:x", "GET /a/*"},
			map[string]string{"GET /a/export/": "/a/export/", "GET /a/export": "unknown", "GET /a/EXPORT": "unknown", "GET /a/b": "/a/:x x=b"},
		},
		"letter case early in the path": {
			[]string{"GET /admin/users", "GET /:tenant/users", "GET /*"},
			map[string]string{
				"GET /ADMIN/users": "unknown", "GET /Admin/Users": "unknown", "GET /admin/USERS": "unknown",
				"GET /acme/users": "/:tenant/users tenant=acme", "GET /acme/USERS": "unknown", "GET /acme/x": "/* *=acme/x",
			},
		},
		"letter case before a wildcard": {
			[]string{"GET /admin/*", "GET /:tenant/users"},
			map[string]string{"GET /ADMIN/users": "unknown", "GET /Admin/x": "unknown", "GET /admin/users": "/admin/* *=users"},
		},
		"the folder of a wildcard": {
			[]string{"GET /files/private/*", "GET /files/*", "GET /a/*", "GET /a", "POST /:x", "GET /b/*", "GET /b/", "GET /:x"},
			map[string]string{
				"GET /files/private/x": "/files/private/* *=x", "GET /files/private": "unknown", "GET /files/private/": "unknown",
				"GET /files/PRIVATE": "unknown", "GET /files/public": "/files/* *=public", "GET /files/public/": "/files/* *=public/",
				"GET /files": "unknown", "GET /files/": "unknown", "POST /files": "unknown",
				"GET /a": "/a", "GET /a/": "unknown", "POST /a": "/:x x=a", "GET /b/": "/b/", "GET /b": "unknown", "GET /c": "/:x x=c",
			},
		},
		"letter case before a parameter": {
			[]string{"GET /a/b/:x", "GET /a/:y/:z"},
			map[string]string{"GET /a/B/1": "unknown", "GET /a/c/1": "/a/:y/:z y=c z=1"},
		},
		"a branch that leads nowhere in any spelling does not count": {
			[]string{"GET /a/b/c", "GET /a/:x/d"},
			map[string]string{"GET /a/B/d": "/a/:x/d x=B", "GET /a/B/c": "unknown", "GET /a/B/D": "unknown"},
		},
		"encoded characters of a literal": {
			[]string{"GET /a/caf%C3%A9", "GET /a/x!Y", "GET /a/:x"},
			map[string]string{
				"GET /a/CAF%C3%89": "unknown", "GET /a/caf%c3%a9/": "unknown", "GET /a/CAFE%CC%81": "unknown",
				"GET /a/cafe": "unknown", "GET /a/caf%C3%A9s": "/a/:x x=cafés", "GET /a/x%21y": "unknown", "GET /a/x%21Y": "/a/x!Y", "GET /a/X!y": "unknown",
			},
		},
		"letters beyond ASCII that fold into ASCII": {
			[]string{"GET /a/kiss", "GET /a/office", "GET /a/import", "GET /a/strasse", "GET /a/:x"},
			map[string]string{
				"GET /a/%E2%84%AAiss": "unknown", // Kelvin sign
				"GET /a/ki%C5%BFs":    "unknown", // long s
				"GET /a/KI%C3%9F":     "unknown", // sharp s
				"GET /a/ki%E1%BA%9E":  "unknown", // capital sharp s
				"GET /a/o%EF%AC%83ce": "unknown", // ligature ffi
				"GET /a/%C4%B1mport":  "unknown", // dotless i
				"GET /a/%C4%B0MPORT":  "unknown", // dotted capital i
				"GET /a/i%CC%87mport": "unknown", // what its lower case is in JavaScript
				"GET /a/stra%C3%9Fe":  "unknown",
				"GET /a/%EF%BD%8Biss": "unknown",      // full-width k
				"GET /a/%D0%BAiss":    "/a/:x x=кiss", // Cyrillic: another letter in any case
				"GET /a/stra%C3%9Fen": "/a/:x x=straßen",
				"GET /a/imp%C3%B3rt":  "unknown", // for whom accents do not count
				"GET /a/imp%C3%B3rts": "/a/:x x=impórts",
			},
		},
		"methods do not count for a spelling": {
			[]string{"GET /leads/export", "POST /leads/:id", "POST /b/C", "GET /b/c", "GET,POST /b/:x"},
			map[string]string{
				"POST /leads/export": "/leads/:id id=export", "POST /leads/EXPORT": "unknown", "POST /leads/export/": "unknown",
				"POST /leads/l1": "/leads/:id id=l1", "GET /leads/l1": "unknown",
				"POST /b/C": "/b/C", "GET /b/c": "/b/c", "GET /b/C": "unknown", "POST /b/c": "unknown", "GET /b/d": "/b/:x x=d",
			},
		},
	} {
		t.Run(name, test.run)
	}
}

func TestLiteralsAreDecodedOnce(t *testing.T) {
	for _, test := range []struct {
		raw, literal string
		same         bool
	}{
		{"a", "a", true}, {"a%20b", "a b", true}, {"%21", "!", true}, {"%2521", "%21", true}, {"%c3%a9", "é", true},
		{"%21", "%21", false}, {"a", "A", false}, {"", "a", false}, {"a%20", "a", false}, {"%2521", "!", false},
	} {
		require.Equal(t, test.same, decodesTo(test.raw, test.literal), "%s %s", test.raw, test.literal)
	}
}

// Package target refuses such paths; should one come all the same, it finds nothing and nothing breaks.
func TestMatchOfPathsThatAreNotCanonical(t *testing.T) {
	table := table(t, "GET /", "GET /a", "GET /a/", "GET /a/:x", "GET /:x/:y")
	for _, path := range []string{"//", "///", "/a//", "//a", "/a//b", "//b", "/b//"} {
		require.Equal(t, "unknown", outcome(t, table, "GET "+path), path)
	}
	require.Equal(t, "/a/:x x=%", outcome(t, table, "GET /a/%"))
	require.Equal(t, "/a/:x x=\xff", outcome(t, table, "GET /a/%ff"))
	require.Equal(t, "/a/:x x=\xff", outcome(t, table, "GET /a/\xff"))
}
