package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// writerEnv makes a test program a writer that is to be killed. Its value names the database.
const writerEnv = "TOLLGATE_TEST_WRITER"

// Long reports whether the longer forms of tests shall run.
func Long() bool { return os.Getenv("TOLLGATE_TEST_LONG") == "1" }

// Main is for TestMain of a package that calls Killed: it makes the test program, when it is started again by Killed,
// a writer to the named database.
func Main(m *testing.M, open func(database string) (Writable, error)) {
	if database := os.Getenv(writerEnv); database != "" {
		fmt.Fprintln(os.Stderr, write(open(database)))
		os.Exit(1)
	}
	if database, stream, found := strings.Cut(os.Getenv(importerEnv), "\n"); found {
		s, err := open(database)
		if err == nil {
			err = importAndTell(s.(Movable), stream)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// write creates the store if need be, then keys, two at a time, and says which are there; in between it does what a
// gateway does. It ends with an error only.
func write(s Writable, err error) error {
	if err != nil {
		return err
	}
	ctx := context.Background()
	err = s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "ws_1", Plan: "pro"})
	for n := time.Now().UnixNano(); err == nil || errors.Is(err, keystore.ErrExists); n += 2 {
		pair := make([]keystore.NewKey, 2)
		for i := range pair {
			id := "key_" + strconv.FormatInt(n+int64(i), 10)
			pair[i] = keystore.NewKey{Key: record.Key{ID: id}, Sum: record.SumOf("secret of " + id)}
		}
		if err = s.CreateKeys(ctx, Act, "ws_1", pair); err == nil {
			fmt.Println(pair[0].Key.ID, pair[1].Key.ID)
			err = errors.Join(
				s.WriteUses(ctx, []keystore.Use{{Sum: pair[0].Sum, At: time.Now()}}),
				second(s.Changes(ctx, keystore.Position{})),
				second(s.Lookup(ctx, pair[1].Sum)))
		}
	}
	return err
}

func second[T any](_ T, err error) error { return err }

// Killed kills writers at any moment, from before the store exists on, and then finds every key that they
// acknowledged, none halved. Fresh names a new database, open opens one.
func Killed(t *testing.T, rounds int, fresh func() string, open func(database string) (Writable, error)) {
	var database string
	var acknowledged []string
	for round := range rounds {
		if round%20 == 0 {
			database, acknowledged = fresh(), nil
		}
		acknowledged = append(acknowledged, killedWriter(t, database, time.Duration(rand.IntN(200))*time.Millisecond)...)
		s, err := open(database)
		require.NoError(t, err)
		check(t, s, acknowledged)
		require.NoError(t, s.Close())
	}
	t.Logf("%d rounds, %d keys acknowledged in the last database", rounds, len(acknowledged))
}

// killedWriter runs a writer for a while and gives the ids that it acknowledged.
func killedWriter(t *testing.T, database string, life time.Duration) (acknowledged []string) {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), writerEnv+"="+database)
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

// firstWrites runs a writer until it has acknowledged its first keys.
func firstWrites(t *testing.T, database string) (acknowledged []string) {
	writer := exec.CommandContext(t.Context(), os.Args[0])
	writer.Env = append(os.Environ(), writerEnv+"="+database)
	var problems strings.Builder
	writer.Stderr = &problems
	out, err := writer.StdoutPipe()
	if err == nil {
		err = writer.Start()
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	if lines := bufio.NewScanner(out); lines.Scan() {
		acknowledged = strings.Fields(lines.Text())
	}
	_ = writer.Process.Kill()
	_ = writer.Wait()
	if problems.Len() > 0 {
		t.Error(problems.String())
	}
	return acknowledged
}

// check finds every acknowledged key, and no pair halved.
func check(t *testing.T, s Writable, acknowledged []string) {
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
