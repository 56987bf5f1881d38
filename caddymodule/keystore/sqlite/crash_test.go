package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// writerEnv makes the test program a writer that is to be killed.
const writerEnv = "TOLLGATE_TEST_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		write(path)
	}
	os.Exit(m.Run())
}

// write creates the store if need be, and then keys, two at a time, and says which are there. It never ends.
func write(path string) {
	s := sqlite.New(path, sqlite.Options{Create: true})
	ctx := context.Background()
	err := s.CreateWorkspace(ctx, storetest.Act, &record.Workspace{ID: "ws_1", Plan: "pro"})
	for n := time.Now().UnixNano(); err == nil || errors.Is(err, keystore.ErrExists); n += 2 {
		pair := make([]keystore.NewKey, 2)
		for i := range pair {
			id := "key_" + strconv.FormatInt(n+int64(i), 10)
			pair[i] = keystore.NewKey{Key: record.Key{ID: id}, Sum: record.SumOf("secret of " + id)}
		}
		if err = s.CreateKeys(ctx, storetest.Act, "ws_1", pair); err == nil {
			fmt.Println(pair[0].Key.ID, pair[1].Key.ID)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A writer and a gateway's reader are killed at any moment, from before the file exists on.
func TestKilledAtAnyMomentNothingAcknowledgedIsLost(t *testing.T) {
	rounds := 12
	if os.Getenv("TOLLGATE_TEST_LONG") == "1" {
		rounds = 200
	}
	path := filepath.Join(t.TempDir(), "tollgate.db")
	var acknowledged []string
	for round := range rounds {
		if round%20 == 19 { // the store's own creation is interrupted as well
			path, acknowledged = filepath.Join(t.TempDir(), "tollgate.db"), nil
		}
		acknowledged = append(acknowledged, killedWriter(t, path, time.Duration(rand.IntN(150))*time.Millisecond)...)
		s := sqlite.New(path, sqlite.Options{Create: true})
		check(t, s, acknowledged)
		require.NoError(t, s.Close())
	}
	t.Logf("%d rounds, %d keys acknowledged since the last new file", rounds, len(acknowledged))
}

// killedWriter runs a writer for a while and gives the ids that it acknowledged.
func killedWriter(t *testing.T, path string, life time.Duration) (acknowledged []string) {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), writerEnv+"="+path)
	var problems strings.Builder
	writer.Stderr = &problems
	out, err := writer.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, writer.Start())
	kill := time.AfterFunc(life, func() { _ = writer.Process.Kill() })
	defer kill.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if ids := strings.Fields(lines.Text()); len(ids) == 2 {
			acknowledged = append(acknowledged, ids...)
		}
	}
	_ = writer.Wait()
	require.Empty(t, problems.String())
	return acknowledged
}

// check finds every acknowledged key, and no pair halved.
func check(t *testing.T, s *sqlite.Store, acknowledged []string) {
	t.Helper()
	if len(acknowledged) == 0 {
		return
	}
	keys, err := s.Keys(t.Context(), "ws_1", "", 1_000_000)
	require.NoError(t, err)
	require.Zero(t, len(keys)%2, "no pair is halved")
	found := map[string]bool{}
	for _, key := range keys {
		require.Len(t, key.Secrets, 1, "no half key")
		found[key.ID] = true
	}
	for _, id := range acknowledged {
		require.True(t, found[id], "%s was acknowledged and is lost", id)
	}
	_, err = s.Lookup(t.Context(), record.SumOf("secret of "+acknowledged[len(acknowledged)-1]))
	require.NoError(t, err)
	events, err := s.History(t.Context(), "ws_1", "", 1_000_000)
	require.NoError(t, err)
	require.Len(t, events, len(keys)+1, "one row in the history for each")
}
