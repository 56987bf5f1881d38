package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestTheStoreIsMovedWhole from SQLite to PostgreSQL and back: as much of it as fits into a test, or 100,000 keys.
func TestTheStoreIsMovedWhole(t *testing.T) {
	keys := 1000
	if storetest.Long() {
		keys = 100_000
	}
	w := newWorld(t)
	w.env = append(w.env, "TOLLGATE_TEST_DSN="+services.Postgres(t).Database())
	for name, store := range map[string]string{"one": "sqlite one.db", "two": "postgres {env.TOLLGATE_TEST_DSN}", "three": "sqlite three.db"} {
		w.write(t, "Caddyfile."+name, fmt.Sprintf("{\n\tadmin off\n\ttollgate {\n\t\tkeys %s\n\t}\n}\n:8080\n", store))
	}
	w.writeStream(t, "0.jsonl", keys)
	want := content(t, w.dir+"/0.jsonl")
	for n, name := range []string{"one", "two", "three"} {
		from, to := fmt.Sprintf("%d.jsonl", n), fmt.Sprintf("%d.jsonl", n+1)
		w.measured(t, "store", "import", "--config", "Caddyfile."+name, from)
		w.measured(t, "store", "check", "--config", "Caddyfile."+name)
		w.measured(t, "store", "export", "--config", "Caddyfile."+name, "--output", to)
		require.True(t, bytes.Equal(want, content(t, w.dir+"/"+to)), "what came out is what went in")
	}
}

// content is a stream without its header and trailer, which differ.
func content(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text = text[bytes.IndexByte(text, '\n')+1:]
	return text[:bytes.LastIndexByte(text[:len(text)-1], '\n')]
}

// writeStream writes what a store of so many keys would export.
func (w *world) writeStream(t *testing.T, name string, keys int) {
	t.Helper()
	file, err := os.Create(w.dir + "/" + name)
	require.NoError(t, err)
	defer file.Close()
	buffered := bufio.NewWriter(file)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	stream, err := transfer.NewWriter(buffered, transfer.Header{Schema: keystore.Schema, MadeAt: at, Tollgate: "test", History: true})
	require.NoError(t, err)
	to := stream.Records(true)
	for n := range keys / 100 {
		require.NoError(t, to.Workspace(&record.Workspace{ID: fmt.Sprintf("ws_%05d", n), Plan: "pro", Metadata: map[string]any{"region": "eu"}}))
	}
	id := func(n int) string { return fmt.Sprintf("key_%07d", n) }
	for n := range keys {
		require.NoError(t, to.Key(&keystore.MovedKey{Workspace: fmt.Sprintf("ws_%05d", n/100), Key: record.Key{ID: id(n), Name: "crm agent",
			Scopes: []record.Scope{"agent.leads.read", "agent.leads.write"}, CreatedAt: at}, Secrets: []keystore.MovedSecret{
			{Sum: record.SumOf(id(n)), Secret: keystore.Secret{CreatedAt: at, LastUsedAt: at}}}}))
	}
	for n := range keys {
		require.NoError(t, to.Event(&keystore.Event{At: at, Act: keystore.Act{By: "command a@b", Action: "key create"}, Workspace: fmt.Sprintf("ws_%05d", n/100),
			Key: id(n), Details: []byte(`{"name":"crm agent","scopes":["agent.leads.read","agent.leads.write"]}`)}))
	}
	_, err = stream.Close()
	require.NoError(t, err)
	require.NoError(t, buffered.Flush())
}

// most memory that a command may use, in MB, and how long it may take with threefold slack.
const (
	mostMemory = 200
	mostTime   = 3 * 20 * time.Second
)

// measured runs a command and holds it to what it may use.
func (w *world) measured(t *testing.T, args ...string) {
	t.Helper()
	command := w.program(context.Background(), args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	began := time.Now()
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	look := time.NewTicker(tick)
	defer look.Stop()
	peak := 0
	for {
		select {
		case <-look.C:
			peak = max(peak, highWater(command))
		case err := <-ended:
			took := time.Since(began)
			require.NoError(t, err, "%s", out.String())
			t.Logf("%v: %v, %d MB", args, took.Round(time.Millisecond), peak)
			require.Less(t, took, mostTime)
			require.True(t, underRace || peak < mostMemory, "%d MB", peak)
			return
		}
	}
}

var vmHWM = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// highWater is the most memory that a program had so far, in MB; 0: it cannot be told.
func highWater(command *exec.Cmd) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid))
	if err != nil {
		return 0
	}
	if found := vmHWM.FindSubmatch(text); found != nil {
		kb, _ := strconv.Atoi(string(found[1]))
		return kb >> 10
	}
	return 0
}
