package storetest

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Million puts a million keys of a thousand workspaces into an empty store, and reports what a gateway that opens it
// anew needs: to start, in memory after 100,000 different keys, and for a cold look-up.
func Million(t *testing.T, filled Writable, open func() keystore.Store) {
	start := time.Now()
	for w := range 1000 {
		id := fmt.Sprintf("ws_%04d", w)
		require.NoError(t, filled.CreateWorkspace(t.Context(), Act, &record.Workspace{ID: id, Plan: "pro", Metadata: map[string]any{"region": "eu"}}))
		keys := make([]keystore.NewKey, 1000)
		for i := range keys {
			n := w*1000 + i
			keys[i] = keystore.NewKey{Sum: record.SumOf(secretNumber(n)), Key: record.Key{ID: fmt.Sprintf("key_%07d", n),
				Name: "crm agent", Scopes: []record.Scope{"agent.leads.read", "agent.leads.write"}}}
		}
		require.NoError(t, filled.CreateKeys(t.Context(), Act, id, keys))
	}
	t.Logf("a million keys made in %v", time.Since(start))

	start = time.Now()
	c := keystore.NewCache(open(), keystore.Options{})
	c.Start()
	defer func() { require.NoError(t, c.Close()) }()
	_, err := c.Lookup(t.Context(), record.SumOf(secretNumber(999_999)))
	require.NoError(t, err)
	t.Logf("first answer after %v", time.Since(start))
	require.Less(t, time.Since(start), 6*time.Second)

	cold := make([]time.Duration, 0, 100_000)
	for n := range 100_000 {
		asked := time.Now()
		_, err := c.Lookup(t.Context(), record.SumOf(secretNumber(n*7)))
		require.NoError(t, err)
		cold = append(cold, time.Since(asked))
	}
	slices.Sort(cold)
	t.Logf("cold look-up: median %v, 99 %% %v", cold[len(cold)/2], cold[len(cold)*99/100])
	debug.FreeOSMemory()
	resident := residentMB(t)
	t.Logf("resident after 100,000 different keys: %d MB", resident)
	require.Less(t, resident, 250)
}

func secretNumber(n int) string { return "secret number " + strconv.Itoa(n) }

func residentMB(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Logf("resident memory is not known here: %v", err)
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize() >> 20
}
