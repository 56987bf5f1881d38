package main

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kills is how many processes are killed; under TOLLGATE_TEST_LONG=1 it is 100.
func kills() int {
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		return 100
	}
	return 20
}

// TestKilledCommandsLoseNothing: what a command acknowledged is there, whenever it or the gateway dies; the database
// opens, and holds no half key.
func TestKilledCommandsLoseNothing(t *testing.T) {
	g := startGateway(t)
	acknowledged := map[string]string{} // secrets by key id
	whole := time.Hour                  // what a command takes
	for range 3 {
		began := time.Now()
		id, secret := g.newKey(t)
		acknowledged[id] = secret
		whole = min(whole, time.Since(began))
	}
	for n := range kills() {
		if n%2 == 1 {
			g.killWhileCommandsWrite(t, whole, acknowledged)
			continue
		}
		command := g.program(t.Context(), "key", "create", "--workspace", "ws_acme", "--scope", "agent.*", "--json")
		stdout, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		// Most of a command is its start, and the writing comes last: the second half of its time has most turns.
		timer := time.AfterFunc(whole/2+rand.N(whole*3/4), func() { _ = command.Process.Kill() })
		lines := bufio.NewScanner(stdout)
		if lines.Scan() {
			acknowledge(t, acknowledged, lines.Bytes())
		}
		_ = command.Wait()
		timer.Stop()
	}
	g.checkAcknowledged(t, acknowledged)
}

func acknowledge(t *testing.T, acknowledged map[string]string, line []byte) {
	t.Helper()
	var key struct{ ID, Secret string }
	require.NoError(t, json.Unmarshal(line, &key), "%s", line)
	acknowledged[key.ID] = key.Secret
}

// killWhileCommandsWrite kills the gateway at a random moment while a command writes, and starts it again.
func (g *gateway) killWhileCommandsWrite(t *testing.T, whole time.Duration, acknowledged map[string]string) {
	t.Helper()
	var killed sync.WaitGroup
	delay := time.NewTimer(rand.N(2 * whole))
	killed.Go(func() {
		<-delay.C
		g.kill()
	})
	id, secret := g.newKey(t)
	acknowledged[id] = secret
	killed.Wait()
	g.start(t)
}

// checkAcknowledged: every acknowledged key works, and every key that is there is whole.
func (g *gateway) checkAcknowledged(t *testing.T, acknowledged map[string]string) {
	t.Helper()
	var listed []struct {
		ID      string
		Secrets []struct{}
	}
	require.NoError(t, json.Unmarshal([]byte(g.must(t, "key", "list", "--json")), &listed))
	stored := map[string]bool{}
	for _, key := range listed {
		require.Len(t, key.Secrets, 1, "key %s is whole", key.ID)
		stored[key.ID] = true
	}
	require.NotEmpty(t, acknowledged)
	for id, secret := range acknowledged {
		require.True(t, stored[id], "key %s was acknowledged", id)
		require.Equal(t, http.StatusOK, g.status(secret))
	}
	t.Logf("%d keys were acknowledged, %d are stored", len(acknowledged), len(listed))
}
