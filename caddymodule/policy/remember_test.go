package policy

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(1000, 1)
	require.GreaterOrEqual(t, len(m.places), 1000)
	require.LessOrEqual(t, len(m.places), 2048)
	for i := range 50_000 {
		m.put(fmt.Append(nil, i), owners{}, Decision{Allow: true})
	}
	kept := 0
	for i := range 50_000 {
		if m.get(fmt.Append(nil, i), owners{}) != nil {
			kept++
		}
	}
	require.LessOrEqual(t, kept, len(m.places))
	require.Greater(t, kept, len(m.places)/2)
	for _, n := range []int{1, 7, 8, 9, 64} {
		require.GreaterOrEqual(t, len(newMemory(n, 1).places), n)
	}
}

func TestLongKeysAreNotRemembered(t *testing.T) {
	m := newMemory(8, 1)
	for length, remembered := range map[int]bool{maxKey: true, maxKey + 1: false} {
		key := []byte(strings.Repeat("x", length))
		m.put(key, owners{}, Decision{Allow: true})
		require.Equal(t, remembered, m.get(key, owners{}) != nil)
	}
}

func TestLongRefusalsAreNotRemembered(t *testing.T) {
	long := strings.Repeat("x", maxRefusal)
	for name, test := range map[string]struct {
		refusal    Decision
		remembered bool
	}{
		"a usual one":           {Decision{Message: "This key lacks a scope.", Details: map[string]any{"missing_scopes": []any{"agent.leads.read", "agent.leads.write"}}}, true},
		"one without details":   {Decision{Message: "no"}, true},
		"as long as may be":     {Decision{Message: long}, true},
		"a long message":        {Decision{Message: long + "x"}, false},
		"a long detail":         {Decision{Details: map[string]any{"a": long}}, false},
		"a long name":           {Decision{Details: map[string]any{long: nil}}, false},
		"a long number":         {Decision{Details: map[string]any{"a": json.Number(strings.Repeat("1", maxRefusal))}}, false},
		"many details":          {Decision{Details: map[string]any{"a": slices.Repeat([]any{nil}, 100)}}, false},
		"many nested objects":   {Decision{Details: map[string]any{"a": slices.Repeat([]any{map[string]any{}}, 8)}}, false},
		"a message and details": {Decision{Message: long[:maxRefusal/2], Details: map[string]any{"a": long[:maxRefusal/2]}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(8, 1)
			m.put([]byte("a"), owners{}, test.refusal)
			require.Equal(t, test.remembered, m.get([]byte("a"), owners{}) != nil)
		})
	}
}

// TestRefusalsThatEchoTheirCallerFillNoMemory fills the table with the largest refusals that callers can provoke.
func TestRefusalsThatEchoTheirCallerFillNoMemory(t *testing.T) {
	const places = 1 << 10
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	e, err := New(t.Context(), Options{Timeout: time.Minute, Remember: places, Paths: []string{folder(t, map[string]string{
		"a.rego": authz(`deny contains {"code": "FORBIDDEN", "message": "no", "details": {"echo": [x | some n in numbers.range(1, to_number(input.request.query.n[0])); x := [n]]}} if input.request.query.m`),
	})}})
	require.NoError(t, err)
	in, before := request(), heap()
	for i := range 3 * places {
		in.RawQuery = fmt.Sprintf("m=%d&n=%d", i, []int{1, 5, 10, 20, 2000}[i%5])
		_, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
	}
	require.Less(t, heap(), before+places*2*maxRefusal)
	runtime.KeepAlive(e)
}

// TestKeysOfEveryLengthAreToldApart has keys that begin alike, on both sides of what an entry holds itself.
func TestKeysOfEveryLengthAreToldApart(t *testing.T) {
	long := strings.Repeat("x", maxKey)
	short := len(remembered{}.short)
	for _, length := range []int{0, 1, short - 1, short, short + 1, maxKey} {
		m := newMemory(8, 1)
		m.put([]byte(long[:length]), owners{}, Decision{Allow: true})
		r := m.set(m.hash([]byte(long[:length]), owners{}))[0].Load()
		for other := range maxKey + 1 {
			require.Equal(t, other == length, r.holds([]byte(long[:other])))
		}
		if length > 0 {
			require.False(t, r.holds([]byte(long[:length-1]+"y")))
		}
	}
}

func TestComparesInFullNotByHash(t *testing.T) {
	m := newMemory(8, 1)
	one, other := &record.Key{ID: "k"}, &record.Key{ID: "k"}
	workspace := &record.Workspace{}
	m.put([]byte("a"), owners{key: one, workspace: workspace}, Decision{Allow: true})
	r := m.set(0)[0].Load()
	require.True(t, r.answers([]byte("a"), owners{key: one, workspace: workspace}))
	for name, q := range map[string]struct {
		key string
		of  owners
	}{
		"another key":       {"b", owners{key: one, workspace: workspace}},
		"a longer key":      {"aa", owners{key: one, workspace: workspace}},
		"another record":    {"a", owners{key: other, workspace: workspace}},
		"no record":         {"a", owners{workspace: workspace}},
		"another workspace": {"a", owners{key: one, workspace: &record.Workspace{ID: "x"}}},
		"no workspace":      {"a", owners{key: one}},
	} {
		require.False(t, r.answers([]byte(q.key), q.of), name)
		// Even where all hashes are the same.
		forged := *r
		forged.hash = m.hash([]byte(q.key), q.of)
		m.set(forged.hash)[0].Store(&forged)
		require.Nil(t, m.get([]byte(q.key), q.of), name)
	}
}

// TestARecordThatIsGoneIsNotTakenForNone asks without an identity when the record of an equal question was collected.
func TestARecordThatIsGoneIsNotTakenForNone(t *testing.T) {
	e, in := engine(t, nil), request()
	gone := make(chan struct{})
	runtime.AddCleanup(in.Identity.Key, func(gone chan struct{}) { close(gone) }, gone)
	d, err := e.Decide(t.Context(), in)
	require.NoError(t, err)
	require.True(t, d.Allow)
	in.Identity = nil
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}, time.Minute, time.Millisecond)
	d, err = e.Decide(t.Context(), in)
	require.NoError(t, err)
	require.False(t, d.Allow || d.Remembered)
}

func TestTheNewestDecisionOfAKeyStands(t *testing.T) {
	m := newMemory(8, 1)
	m.put([]byte("a"), owners{}, Decision{Allow: true})
	m.put([]byte("a"), owners{}, Decision{Message: "no"})
	require.Equal(t, "no", m.get([]byte("a"), owners{}).Message)
}

// TestKeepsNoRecordAlive reloads keys many times, as a keys file that changes does: records that nobody uses go, however
// many decisions stand for them, and however many terms were built.
func TestKeepsNoRecordAlive(t *testing.T) {
	e := engine(t, map[string]string{"a.rego": refusal(`input.workspace.metadata.blocked`)})
	const records = 100
	var gone atomic.Int64
	in := request()
	for range records {
		key, workspace := *in.Identity.Key, *in.Identity.Workspace
		in.Identity = &record.Identity{Key: &key, Workspace: &workspace}
		runtime.AddCleanup(&key, func(gone *atomic.Int64) { gone.Add(1) }, &gone)
		runtime.AddCleanup(&workspace, func(gone *atomic.Int64) { gone.Add(1) }, &gone)
		d, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
		require.False(t, d.Remembered, "a new record is another one")
	}
	in = nil
	require.Eventually(t, func() bool {
		runtime.GC()
		return gone.Load() == 2*records
	}, time.Minute, 10*time.Millisecond)
	runtime.KeepAlive(e)
}

// TestActiveKeysTakeLittleMemory has many keys in use at once: a remembered decision is all that is kept for each.
func TestActiveKeysTakeLittleMemory(t *testing.T) {
	const keys, most = 40_000, 512 // bytes a key, beside the key itself
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	e, in := engine(t, nil), request()
	identities := make([]record.Identity, keys)
	for i := range identities {
		key, workspace := *in.Identity.Key, *in.Identity.Workspace
		key.ID = fmt.Sprint("key_", i)
		identities[i] = record.Identity{Key: &key, Workspace: &workspace}
	}
	before := heap()
	for i := range identities {
		in.Identity = &identities[i]
		_, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
	}
	in.Identity = nil
	after := heap()
	require.Less(t, after-before, uint64(keys*most+keptTerms*maxTerm))
	runtime.KeepAlive(identities)
	runtime.KeepAlive(e)
}

// TestLongTermsAreNotKept has records that say so much that a table of their terms would fill the memory.
func TestLongTermsAreNotKept(t *testing.T) {
	key := &record.Key{ID: "k", Scopes: slices.Repeat([]record.Scope{"agent.leads.read"}, 1000)}
	workspace := &record.Workspace{ID: "w", Metadata: map[string]any{"text": strings.Repeat("x", 2*maxTerm)}}
	one, err := keyTerms.of(key)
	require.NoError(t, err)
	again, err := keyTerms.of(key)
	require.NoError(t, err)
	require.NotSame(t, one, again)
	require.Equal(t, one, again)
	one, err = workspaceTerms.of(workspace)
	require.NoError(t, err)
	again, err = workspaceTerms.of(workspace)
	require.NoError(t, err)
	require.NotSame(t, one, again)
}

func TestTermsAreBuiltOnce(t *testing.T) {
	key := &record.Key{ID: "k", Scopes: []record.Scope{"a.*"}, AllowedIPs: networks("192.0.2.1")}
	one, err := keyTerms.of(key)
	require.NoError(t, err)
	again, err := keyTerms.of(key)
	require.NoError(t, err)
	require.Same(t, one, again)
	require.Equal(t, `{"allowed_ips": ["192.0.2.1/32"], "id": "k", "name": "", "scopes": ["a.*"]}`, one.String())
	other, err := keyTerms.of(&record.Key{ID: "k"})
	require.NoError(t, err)
	require.NotEqual(t, one.String(), other.String())
}
