package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nodes counts the tree, and finds out whether it is one: each node has a single parent, under one or two spellings.
func nodes(n *node, seen map[*node]bool) int {
	seen[n] = true
	count := 1
	below := map[*node]bool{}
	for _, child := range n.literals {
		below[child] = true
	}
	if n.param != nil {
		below[n.param] = true
	}
	for child := range below {
		if seen[child] {
			panic("a node with two parents")
		}
		count += nodes(child, seen)
	}
	return count
}

// entered counts the nodes that a search enters.
func entered(table *Table, path string) int {
	s := search{method: "GET", path: path}
	s.below(&table.root, path[1:])
	return s.entered
}

// thicket is the worst table for backtracking: every segment may be a literal or a parameter, 2^depth templates.
func thicket(t testing.TB, depth int) *Table {
	t.Helper()
	routes := make([]*Route, 1<<depth)
	for i := range routes {
		pattern := ""
		for level := range depth {
			if i>>level&1 == 0 {
				pattern += "/a"
			} else {
				pattern += fmt.Sprintf("/:p%d", level)
			}
		}
		routes[i] = get(pattern + "/end")
	}
	table, err := New(routes)
	require.NoError(t, err)
	return table
}

func TestASearchEntersEachNodeAtMostOnce(t *testing.T) {
	for depth := 1; depth <= 10; depth++ {
		table := thicket(t, depth)
		size := nodes(&table.root, map[*node]bool{})
		require.Equal(t, 1<<depth*3-1, size) // a full binary tree, and an end below each leaf
		require.Equal(t, 1<<(depth+1)-1, entered(table, strings.Repeat("/a", depth)+"/miss"), "every node but the ends, once")
		require.Equal(t, depth+2, entered(table, strings.Repeat("/a", depth)+"/end"), "the most precise comes first")
	}
}

func TestAHostilePathCostsLittle(t *testing.T) {
	const size = 64 << 10
	table := hundred(t)
	for name, path := range map[string]string{
		"slashes":                       strings.Repeat("/", size),
		"segments":                      strings.Repeat("/a", size/2),
		"segments of a deep route":      strings.Repeat("/deep", size/5),
		"one segment":                   "/" + strings.Repeat("a", size),
		"one encoded segment":           "/" + strings.Repeat("%20", size/3),
		"one segment to fold":           "/" + strings.Repeat("%C4%B0", size/6),
		"a parameter to fold":           "/api/v2/r1/" + strings.Repeat("%C4%B0", size/6),
		"capitals":                      "/" + strings.Repeat("API/", size/4),
		"a wildcard of segments":        "/files" + strings.Repeat("/x", size/2),
		"an encoded value of parameter": "/api/v2/r1/" + strings.Repeat("%20", size/3),
	} {
		t.Run(name, func(t *testing.T) {
			require.LessOrEqual(t, entered(table, path), 8, "no deeper than the longest template")
			require.LessOrEqual(t, allocations(table, "GET", path), 1.0, "a value to decode, and no folding")
		})
	}
}

// hundred is a table as large APIs have it: 250 routes and more.
func hundred(t testing.TB) *Table {
	t.Helper()
	routes := []*Route{get("/"), get("/files/*"), get("/caf%C3%A9/men%C3%BC"), get("/deep/deep/deep/deep/deep/end")}
	for i := range 50 {
		base := fmt.Sprintf("/api/v2/r%d", i)
		routes = append(routes,
			&Route{Methods: []string{"GET", "POST"}, Pattern: base, Scopes: []string{"api.read"}},
			&Route{Methods: []string{"GET", "PATCH", "DELETE"}, Pattern: base + "/:id", Scopes: []string{"api.read"}},
			&Route{Methods: []string{"GET"}, Pattern: base + "/export", Scopes: []string{"api.export"}},
			&Route{Methods: []string{"GET"}, Pattern: base + "/:id/notes/:note"},
			&Route{Methods: []string{"POST"}, Pattern: fmt.Sprintf("/data/d%d/:document", i), Scopes: []string{"konecty.:document.create"}},
		)
	}
	table, err := New(routes)
	require.NoError(t, err)
	return table
}

// allocations counts those of a match into a Match that has served before, as a pooled one has.
func allocations(table *Table, method, path string) float64 {
	m := Match{Params: make([]Param, 0, 4), filled: make([]string, 0, 4)}
	return testing.AllocsPerRun(100, func() { _, _ = table.Match(method, path, &m) })
}

func TestMatchAllocatesOnlyWhatItDecodesAndFills(t *testing.T) {
	table := hundred(t)
	for request, want := range map[string]float64{
		"GET /":                             0,
		"GET /api/v2/r42":                   0,
		"HEAD /api/v2/r42/export":           0,
		"GET /caf%C3%A9/men%C3%BC":          0,
		"GET /caf%c3%a9/men%c3%bc":          0,
		"GET /api/v2/R42/export":            0, // unknown, by its spelling
		"GET /api/v2/r42/EXPORT/":           0,
		"PUT /api/v2/r42":                   0,
		"GET /nothing/here":                 0,
		"GET /api/v2/r42/l1":                0,
		"GET /api/v2/r42/l1/notes/n1":       0,
		"GET /files/a/b/c":                  0,
		"GET /api/v2/r42/l%201":             1,
		"GET /api/v2/r42/l%201/notes/n%201": 2,
		"POST /data/d1/Contact":             1,
		"POST /data/d1/Contact.x":           0, // refused
	} {
		method, path, _ := strings.Cut(request, " ")
		require.Equal(t, want, allocations(table, method, path), request)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var m Match
		_, _ = table.Match("GET", "/api/v2/r42/export", &m)
	}), "into a new Match, too")
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		var m Match
		_, _ = table.Match("GET", "/api/v2/r42/l1", &m)
	}), "the list of parameters, for a new Match")
}

func TestATableServesManyAtOnce(t *testing.T) {
	table := hundred(t)
	for i := range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			var m Match
			for j := range 200 {
				document := fmt.Sprintf("D%d-%d", i, j)
				found, err := table.Match("POST", fmt.Sprintf("/data/d%d/%s", j%50, document), &m)
				require.NoError(t, err)
				require.True(t, found)
				require.Equal(t, []string{"konecty." + document + ".create"}, m.Scopes)
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	table := hundred(b)
	for name, request := range map[string]string{
		"literal":    "GET /api/v2/r42/export",
		"parameter":  "GET /api/v2/r42/l1",
		"parameters": "GET /api/v2/r42/l1/notes/n1",
		"decoded":    "GET /api/v2/r42/caf%C3%A9",
		"scope":      "POST /data/d1/Contact",
		"wildcard":   "GET /files/a/b/c",
		"unknown":    "GET /nothing",
		"spelling":   "GET /api/v2/r42/EXPORT/",
		"hostile":    "GET " + strings.Repeat("/a", 32<<10),
	} {
		method, path, _ := strings.Cut(request, " ")
		b.Run(name, func(b *testing.B) {
			var m Match
			b.ReportAllocs()
			for b.Loop() {
				_, _ = table.Match(method, path, &m)
			}
		})
	}
}
