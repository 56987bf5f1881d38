package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// unwritten is what a gateway that is killed may not have written: the time between two writings, and that of one, on a busy machine.
const unwritten = usage.WriteEvery + 3*time.Second

// fleet are gateways on one key store, under load.
type fleet struct {
	gateways []*gateway
	ended    chan struct{}
	running  sync.WaitGroup

	mu       sync.Mutex
	answered [][]time.Time // by gateway
	started  []time.Time
	unknown  int // requests whose answer did not come: they may have been counted
}

// wallets is how many workspaces there are, each with a key.
const wallets = 100

func walletSecret(n int) string { return fmt.Sprintf("wallet-secret-number-%03d", n) }

// newFleet runs gateways on a store, which fill makes ready.
func newFleet(t *testing.T, size int, keys string, store keystore.Admin) *fleet {
	t.Helper()
	f := &fleet{answered: make([][]time.Time, size), started: make([]time.Time, size), ended: make(chan struct{})}
	act := keystore.Act{By: "test", Action: "make"}
	for n := range wallets {
		id := fmt.Sprintf("ws_%03d", n)
		require.NoError(t, store.CreateWorkspace(t.Context(), act, &record.Workspace{ID: id, Plan: "big"}))
		key := keystore.NewKey{Sum: record.SumOf(walletSecret(n)), Key: record.Key{ID: fmt.Sprintf("key_%03d", n), Scopes: []record.Scope{"agent.*"}}}
		require.NoError(t, store.CreateKeys(t.Context(), act, id, []keystore.NewKey{key}))
	}
	for range size {
		g := newGateway(t, "\ttollgate {\n\t\tkeys "+keys+"\n\t\tplan big 1000000000/1m\n\t\tauth_throttle off\n\t}", "")
		g.start(t)
		t.Cleanup(func() { g.kill() })
		f.gateways = append(f.gateways, g)
	}
	for range 6 {
		f.running.Go(f.load)
	}
	return f
}

// load asks any gateway with any key, until the end.
func (f *fleet) load() {
	for {
		select {
		case <-f.ended:
			return
		default:
		}
		n := rand.N(len(f.gateways))
		status := f.gateways[n].status(walletSecret(rand.N(wallets)))
		if status == 0 {
			time.Sleep(5 * time.Millisecond) // it was killed
		}
		f.mu.Lock()
		if status == http.StatusOK {
			f.answered[n] = append(f.answered[n], time.Now())
		} else {
			f.unknown++
		}
		f.mu.Unlock()
	}
}

// killOne kills a gateway and starts it again. It gives how many of its answers may be missing in the ledger.
func (f *fleet) killOne(t *testing.T, n int, away time.Duration) (missing int) {
	t.Helper()
	f.gateways[n].kill()
	since := time.Now().Add(-unwritten - away)
	if f.started[n].After(since) {
		since = f.started[n] // what came before was missing at its last kill
	}
	f.mu.Lock()
	for _, at := range f.answered[n] {
		if at.After(since) {
			missing++
		}
	}
	f.mu.Unlock()
	f.started[n] = time.Now() // and not later: it answers before start has seen that it does
	f.gateways[n].start(t)
	return missing
}

// end stops the load, and the gateways as an operator does: they write what is left.
func (f *fleet) end(t *testing.T) (answered int) {
	t.Helper()
	close(f.ended)
	f.running.Wait()
	for n, g := range f.gateways {
		require.NoError(t, g.process.Process.Signal(os.Interrupt))
		require.NoError(t, g.process.Wait(), "%s", g.log)
		answered += len(f.answered[n])
	}
	return answered
}

// ledger is the sum of all that the ledger holds.
func (g *gateway) ledger(t *testing.T) int {
	t.Helper()
	var view struct{ Total struct{ Requests int } }
	require.NoError(t, json.Unmarshal([]byte(g.must(t, "usage", "--json")), &view))
	return view.Total.Requests
}

// check compares the ledger with what was answered.
func (f *fleet) check(t *testing.T, kills, missing int) {
	t.Helper()
	answered := f.end(t)
	ledger := f.gateways[0].ledger(t)
	t.Logf("%d answered, %d in the ledger, %d kills, after which %d may be missing, %d requests without an answer", answered, ledger, kills, missing, f.unknown)
	require.LessOrEqual(t, ledger, answered+f.unknown, "something was counted twice")
	require.GreaterOrEqual(t, ledger, answered-missing, "something was lost")
}

// betweenKills is the time between two kills: in the long form most are longer than what a kill may lose.
func betweenKills() time.Duration {
	if rounds() > 2 {
		return 4*time.Second + rand.N(unwritten)
	}
	return 2*time.Second + rand.N(unwritten)
}

func rounds() int {
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		return 20
	}
	return 2
}

// TestKilledGatewaysLoseSecondsOfTheLedger: of three on PostgreSQL, which is away for a while, and of one on SQLite, which a command reads.
func TestKilledGatewaysLoseSecondsOfTheLedger(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		server := services.Postgres(t)
		address := server.Database()
		store, err := postgres.New(address)
		require.NoError(t, err)
		f := newFleet(t, 3, "postgres "+address, store)
		require.NoError(t, store.Close())
		missing, away := 0, 2*time.Second
		if rounds() > 2 {
			away = 30 * time.Second
		}
		for n := range rounds() {
			time.Sleep(betweenKills())
			if n == rounds()/2 {
				server.Stop()
				time.Sleep(away)
				server.Start()
				missing += f.killOne(t, n%3, away) // it may have had no time to write
				continue
			}
			missing += f.killOne(t, n%3, 0)
		}
		f.check(t, rounds(), missing)
	})
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tollgate.db")
		store := sqlite.New(path, sqlite.Options{Create: true})
		f := newFleet(t, 1, "sqlite "+path, store)
		require.NoError(t, store.Close())
		missing, before, kills := 0, 0, min(rounds(), 6)
		for range kills {
			time.Sleep(betweenKills() + time.Duration(rounds()/3)*time.Second) // one gateway: its kills are further apart
			ledger := f.gateways[0].ledger(t)
			require.GreaterOrEqual(t, ledger, before)
			before = ledger
			missing += f.killOne(t, 0, 0)
		}
		f.check(t, kills, missing)
	})
}
