package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// active is the secret of a key in use.
func active(n int) string { return fmt.Sprintf("secret-number-%07d-abcdef", n) }

// TestActiveKeysTakeLittleMemory has as many keys in use as are kept by default, ten to a workspace.
func TestActiveKeysTakeLittleMemory(t *testing.T) {
	if !harness.Long() || underRace {
		t.Skip("this is a long form")
	}
	const keys = 131_000
	g := newGateway(t, `	log {
		level ERROR
	}
	tollgate {
		keys sqlite tollgate.db
		plan pro 1000000/1m
	}`, "")
	g.env = append(g.env, "GOGC=100") // what keys take is asked for, not what garbage may
	g.must(t, "workspace", "create", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m")
	g.start(t)
	t.Cleanup(g.kill)
	g.makeKeys(t, keys)
	before := g.live(t)
	// A store on a busy machine may be late at first; in the end each key is known.
	require.NoError(t, g.useAll(keys, active, http.StatusOK, http.StatusServiceUnavailable))
	require.NoError(t, g.useAll(keys, active, http.StatusOK))
	rss, live := g.resident(t), g.live(t)
	t.Logf("%d keys: %d bytes a key live, RSS %d KB", keys, (live-before)/keys, rss)
	require.Less(t, (live-before)/keys, 2<<10)
	require.Less(t, rss, 400_000_000>>10)
}

// makeKeys puts keys into the store, beside the gateway, in one transaction: one of each workspace takes minutes on a slow disk.
func (g *gateway) makeKeys(t *testing.T, keys int) {
	t.Helper()
	store := sqlite.New(filepath.Join(g.dir, "tollgate.db"), sqlite.Options{})
	defer func() { require.NoError(t, store.Close()) }()
	from := func(to keystore.Records) error {
		for n := 0; n < keys; n += 10 {
			if err := to.Workspace(&record.Workspace{ID: fmt.Sprintf("ws_%05d", n/10), Plan: "pro", Metadata: map[string]any{"region": "eu", "tier": "gold"}}); err != nil {
				return err
			}
		}
		for n := range keys {
			key := record.Key{ID: fmt.Sprintf("key_%07d", n), Name: "crm agent", Scopes: []record.Scope{"agent.leads.read", "agent.leads.write", "agent.files.*"}}
			secret := keystore.MovedSecret{Sum: record.SumOf(active(n))}
			secret.CreatedAt = time.Now()
			if err := to.Key(&keystore.MovedKey{Key: key, Workspace: fmt.Sprintf("ws_%05d", n/10), Secrets: []keystore.MovedSecret{secret}}); err != nil {
				return err
			}
		}
		return nil
	}
	imported, err := store.Import(t.Context(), keystore.Act{By: "test", Action: "make"}, from, keystore.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, keys, imported.Keys.Added)
}

// useAll uses each key once, over several connections, and sees all of them answered with one of the statuses.
func (g *gateway) useAll(keys int, secret func(int) string, statuses ...int) error {
	var next atomic.Int64
	const connections = 4
	errs := make(chan error, connections)
	for range connections {
		go func() { errs <- g.send(&next, keys/32*32, secret, statuses) }()
	}
	for range connections {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// live is how many bytes the gateway's objects take, after a collection of what is garbage.
func (g *gateway) live(t *testing.T) int {
	t.Helper()
	response, err := http.Get("http://" + g.admin + "/debug/pprof/heap?gc=1&debug=1")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	found := regexp.MustCompile(`# HeapAlloc = (\d+)`).FindSubmatch(text)
	require.NotNil(t, found)
	bytes, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return bytes
}

// TestManyKeysOfAFileAreEffectiveSoon changes a file of 50,000 keys while requests keep all cores busy: a change is to be
// effective within two seconds, which is asserted with threefold slack.
func TestManyKeysOfAFileAreEffectiveSoon(t *testing.T) {
	if !harness.Long() || underRace {
		t.Skip("this is a long form")
	}
	const keys, rounds = 50_000, 5
	g := newGateway(t, `	log {
		level ERROR
	}
	tollgate {
		keys file keys.yaml
		plan pro 1000000/1m
		auth_throttle off
	}`, "")
	g.write(t, "keys.yaml", manyKeys(0, keys))
	g.start(t)
	defer g.kill()
	ended := make(chan struct{})
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					if err := g.useAll(3200, func(n int) string { return active(keys/2 + n) }, http.StatusOK); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for round := range rounds {
		require.Equal(t, http.StatusOK, g.status(active(round)))
		g.write(t, "new.yaml", manyKeys(round+1, keys))
		require.NoError(t, os.Rename(filepath.Join(g.dir, "new.yaml"), filepath.Join(g.dir, "keys.yaml")))
		changed := time.Now()
		require.Eventually(t, func() bool { return g.status(active(round)) == http.StatusUnauthorized }, 6*time.Second, tick)
		t.Logf("a key that was taken out of %d was refused after %v", keys, time.Since(changed).Round(time.Millisecond))
	}
	close(ended)
	load.Wait()
}

// manyKeys is a keys file of the keys from one number to another.
func manyKeys(from, to int) string {
	var text strings.Builder
	text.WriteString("workspaces:\n")
	for n := from; n < to; n++ {
		if n == from || n%10 == 0 {
			fmt.Fprintf(&text, "  - id: ws_%05d\n    plan: pro\n    metadata: {region: eu}\n    keys:\n", n/10)
		}
		fmt.Fprintf(&text, "      - id: key_%05d\n        name: CRM agent %d\n        sha256: %x\n        scopes: [agent.leads.read, agent.files.*]\n",
			n, n, sha256.Sum256([]byte(active(n))))
	}
	return text.String()
}
