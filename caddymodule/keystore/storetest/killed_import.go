package storetest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// importerEnv makes a test program one that imports and is to be killed: the database, a line feed, and the stream's file.
const importerEnv = "TOLLGATE_TEST_IMPORTER"

// importAndTell imports a stream and says after every hundred records how far it is, and at last that it is done.
func importAndTell(s Movable, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	checked, err := transfer.Check(path, file)
	if err != nil {
		return err
	}
	told := 0
	tell := func() error {
		if told++; told%100 == 0 {
			fmt.Println(told)
		}
		return nil
	}
	_, err = s.Import(context.Background(), Act, func(to keystore.Records) error {
		if _, err := file.Seek(0, 0); err != nil {
			return err
		}
		workspace, key, event := to.Workspace, to.Key, to.Event
		to.Workspace = func(w *record.Workspace) error { return firstOf(tell(), workspace(w)) }
		to.Key = func(k *keystore.MovedKey) error { return firstOf(tell(), key(k)) }
		to.Event = func(e *keystore.Event) error { return firstOf(tell(), event(e)) }
		return checked.Replay(path, file, to)
	}, keystore.ImportOptions{History: true})
	if err == nil {
		fmt.Println("done")
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// KilledImports kills imports at many points, between any two records and around the commit, and finds all of the stream in
// the store or nothing.
func KilledImports(t *testing.T, rounds int, fresh func() string, open func(database string) (Writable, error)) {
	stream := exportedKeys(t, 2000, fresh(), open)
	path := filepath.Join(t.TempDir(), "keys.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(stream), 0o600))
	lines := strings.Count(stream, "\n") / 100
	whole := 0
	for round := range rounds {
		database := fresh()
		empty, err := open(database)
		require.NoError(t, err)
		_, err = empty.Workspaces(t.Context(), "", 1) // makes it
		require.NoError(t, err)
		require.NoError(t, empty.Close())
		at, later := lines, 200 // the last rounds are around the commit
		if round < rounds*2/3 {
			at, later = 1+rand.IntN(lines), 20
		}
		done := killedImport(t, database, path, at, time.Duration(rand.IntN(later))*time.Millisecond)
		s, err := open(database)
		require.NoError(t, err)
		switch content := Content(Exported(t, s.(Movable), true)); {
		case content == Content(stream):
			whole++
		case done:
			t.Fatal("an import that was acknowledged is not there")
		default:
			require.Empty(t, content, "a half import")
		}
		_, err = s.(Movable).Check(t.Context(), func(f keystore.Finding) { t.Error(f) })
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	require.Less(t, whole, rounds, "some were killed before the commit")
	t.Logf("%d imports killed: %d left nothing, %d were committed", rounds, rounds-whole, whole)
}

// exportedKeys is a stream of as many keys.
func exportedKeys(t *testing.T, keys int, database string, open func(database string) (Writable, error)) string {
	t.Helper()
	s, err := open(database)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.CreateWorkspace(t.Context(), Act, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	many := make([]keystore.NewKey, keys)
	for i := range many {
		many[i] = keystore.NewKey{Key: record.Key{ID: fmt.Sprintf("key_%06d", i)}, Sum: record.SumOf(secretNumber(i))}
	}
	require.NoError(t, s.CreateKeys(t.Context(), Act, "ws_1", many))
	return Exported(t, s.(Movable), true)
}

// killedImport kills an import when it has told so many lines, or a moment later, and reports whether it told that it was done.
func killedImport(t *testing.T, database, path string, at int, later time.Duration) (done bool) {
	t.Helper()
	importer := exec.Command(os.Args[0])
	importer.Env = append(os.Environ(), importerEnv+"="+database+"\n"+path)
	var problems strings.Builder
	importer.Stderr = &problems
	out, err := importer.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, importer.Start())
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		done = done || lines.Text() == "done"
		if told++; told == at {
			kill := time.AfterFunc(later, func() { _ = importer.Process.Kill() })
			defer kill.Stop()
		}
	}
	_ = importer.Wait()
	require.Empty(t, problems.String())
	require.GreaterOrEqual(t, told, at)
	return done
}
