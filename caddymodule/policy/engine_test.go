package policy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestEmbeddedPoliciesAlwaysApply(t *testing.T) {
	e := engine(t, map[string]string{"a.rego": authz("_a := 1\n\n_b := _a\n")})
	d, err := e.Decide(t.Context(), request().with(scopes("x.y")))
	require.NoError(t, err)
	require.True(t, d.Allow)
	d, err = e.Decide(t.Context(), request().with(func(in *Input) { in.Route.Scopes = []string{"other.read", "agent.leads.read", "other.write"} }))
	require.NoError(t, err)
	require.Equal(t, Decision{
		Code: Forbidden, Message: "This key lacks a scope that the route needs. Use a key that holds the missing scopes.",
		Details:       map[string]any{"missing_scopes": []any{"other.read", "other.write"}},
		MissingScopes: []string{"other.read", "other.write"}, Generation: 1,
	}, d)
}

func TestTheLastGoodGenerationStays(t *testing.T) {
	root := folder(t, map[string]string{"a.rego": refusal(`input.request.method == "POST"`)})
	e, err := New(t.Context(), patient(root))
	require.NoError(t, err)
	answers := func(want string, generation uint64) {
		t.Helper()
		d, err := e.Decide(t.Context(), request().with(method("POST")))
		require.NoError(t, err)
		require.Equal(t, want, d.Message)
		require.Equal(t, generation, d.Generation)
	}
	answers("refused", 1)
	for name, spoil := range map[string]func(){
		"broken":   func() { write(t, filepath.Join(root, "b.rego"), "nonsense") },
		"emptied":  func() { require.NoError(t, os.Remove(filepath.Join(root, "a.rego"))) },
		"vanished": func() { require.NoError(t, os.RemoveAll(root)) },
	} {
		t.Run(name, func(t *testing.T) {
			spoil()
			require.Error(t, e.Reload(t.Context()))
			answers("refused", 1)
			require.Equal(t, uint64(1), e.Report().Generation)
			require.NoError(t, os.RemoveAll(root))
			write(t, filepath.Join(root, "a.rego"), refusal(`input.request.method == "POST"`))
		})
	}
	write(t, filepath.Join(root, "a.rego"), refusal(`input.request.method == "PUT"`))
	require.NoError(t, e.Reload(t.Context()))
	answers("", 2)
}

func TestWatchesItsFolder(t *testing.T) {
	defer goleak.VerifyNone(t)
	root := folder(t, map[string]string{"a.rego": refusal(`input.request.method == "POST"`)})
	e, err := New(t.Context(), patient(root))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	outcomes, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		e.Watch(ctx, time.Millisecond, func(err error) {
			select {
			case outcomes <- err:
			case <-ctx.Done():
			}
		})
	}()
	// A change may be seen half done, as an outcome of its own before the last.
	until := func(want func(error) bool) {
		for !want(<-outcomes) {
		}
	}
	write(t, filepath.Join(root, "a.rego"), "nonsense")
	until(func(err error) bool { return err != nil && strings.Contains(err.Error(), "a.rego:1: ") })
	require.Equal(t, uint64(1), e.Report().Generation)
	write(t, filepath.Join(root, "a.rego"), authz("_a := 1\n\n_b := _a\n"))
	until(func(err error) bool { return err == nil })
	d, err := e.Decide(t.Context(), request().with(method("POST")))
	require.NoError(t, err)
	require.True(t, d.Allow)
	require.NoError(t, os.Rename(root, root+".gone")) // whole: a folder that is half removed is one without files
	until(func(err error) bool { return err != nil })
	require.Equal(t, uint64(2), e.Report().Generation)
	stop()
	<-ended
}

// TestNoDecisionMixesGenerations changes two files a hundred times under load. Each generation refuses with its number in
// the message, said by one file, and in the details, said by the other.
func TestNoDecisionMixesGenerations(t *testing.T) {
	root := t.TempDir()
	change := func(n int) {
		next := filepath.Join(root, fmt.Sprintf(".next%d", n))
		write(t, filepath.Join(next, "a.rego"), authz(fmt.Sprintf(`deny contains {"code": "FORBIDDEN", "message": "%d", "details": {"n": data.team.n}}`, n)))
		write(t, filepath.Join(next, "b.rego"), fmt.Sprintf("package team\n\nn := %d\n", n))
		link := filepath.Join(root, "link")
		require.NoError(t, os.Symlink(next, link))
		require.NoError(t, os.Rename(link, filepath.Join(root, "policies")))
	}
	change(1)
	e, err := New(t.Context(), patient(filepath.Join(root, "policies")))
	require.NoError(t, err)
	var load sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		load.Go(func() {
			in, last := request(), uint64(0)
			for !done.Load() {
				d, err := e.Decide(t.Context(), in)
				if err != nil || d.Message != fmt.Sprint(d.Details["n"]) || d.Message != fmt.Sprint(d.Generation) || d.Generation < last {
					t.Errorf("%+v after generation %d: %v", d, last, err)
					return
				}
				last = d.Generation
				runtime.Gosched()
			}
		})
	}
	for n := 2; n <= 100; n++ {
		change(n)
		require.NoError(t, e.Reload(t.Context()))
	}
	done.Store(true)
	load.Wait()
	d, err := e.Decide(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, "100", d.Message)
}

// TestLoadsOneGenerationAfterTheOther reloads from many goroutines: were two loads under way at once, they would give
// themselves the same number.
func TestLoadsOneGenerationAfterTheOther(t *testing.T) {
	e := engine(t, nil)
	var loads sync.WaitGroup
	for range 16 {
		loads.Go(func() {
			if err := e.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	loads.Wait()
	require.Equal(t, uint64(17), e.Report().Generation)
}

func TestRemembersNothingWhereThatIsSwitchedOff(t *testing.T) {
	e, err := New(t.Context(), Options{Remember: -1, Timeout: time.Minute})
	require.NoError(t, err)
	in := request()
	for range 2 {
		d, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
		require.False(t, d.Remembered)
	}
	require.Equal(t, "remembering is switched off", e.Report().Why)
}
