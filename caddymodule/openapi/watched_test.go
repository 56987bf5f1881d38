package openapi_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// TestWatched: a change of any file of the document is seen, one that is no document leaves the last good one, and a file that was
// missing is waited for.
func TestWatched(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		beside := filepath.Join(folder, name+".new")
		require.NoError(t, os.WriteFile(beside, []byte(text), 0o600))
		require.NoError(t, os.Rename(beside, filepath.Join(folder, name)))
	}
	put("openapi.yaml", "openapi: 3.0.0\npaths: {/a: {$ref: item.yaml}}\n")
	put("item.yaml", "get: {}\n")
	w, err := openapi.Open(filepath.Join(folder, "openapi.yaml"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan error, 16), make(chan struct{})
	go func() {
		defer close(ended)
		w.Watch(ctx, 5*time.Millisecond, func(err error) { told <- err })
	}()
	methods := func() (list []string) {
		routes, _, err := w.Document().Routes(openapi.Options{})
		require.NoError(t, err)
		for _, r := range routes {
			list = append(list, r.Methods...)
		}
		return list
	}
	require.Equal(t, []string{"GET"}, methods())

	put("item.yaml", "put: {}\n")
	require.NoError(t, <-told)
	require.Equal(t, []string{"PUT"}, methods())

	put("openapi.yaml", "openapi: 3.0.0\npaths: {/a: {$ref: other.yaml}}\n")
	require.ErrorContains(t, <-told, "other.yaml: no such file or directory")
	require.Equal(t, []string{"PUT"}, methods())

	put("other.yaml", "post: {}\n")
	require.NoError(t, <-told)
	require.Equal(t, []string{"POST"}, methods())

	require.NoError(t, w.Refresh()) // by a configuration that is loaded anew: whoever watches hears of it
	require.NoError(t, <-told)
	cancel()
	<-ended
}
