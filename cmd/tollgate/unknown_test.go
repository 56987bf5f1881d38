package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// guesses is how many unknown keys are tried; under TOLLGATE_TEST_LONG=1 it is a million.
func guesses() int {
	switch {
	case underRace:
		return 3_000
	case os.Getenv("TOLLGATE_TEST_LONG") != "":
		return 1_000_000
	}
	return 30_000
}

// TestGuessingKeysGrowsNothing: a gateway that was just started refuses very many unknown keys, each from an address of
// its own, within 50 MB more than it had. Without a throttle the store is asked for every one of them.
func TestGuessingKeysGrowsNothing(t *testing.T) {
	for name, refused := range map[string][]int{"off": {http.StatusUnauthorized}, "30/1m": {http.StatusUnauthorized, http.StatusTooManyRequests}} {
		t.Run("auth_throttle "+name, func(t *testing.T) {
			g := newGateway(t, `	log {
		level ERROR
	}
	servers {
		trusted_proxies static 127.0.0.1
		trusted_proxies_strict
	}
	tollgate {
		keys sqlite tollgate.db
		auth_throttle `+name+`
	}`, "")
			g.env = append(g.env, "GOGC=100") // what guessing leaves is asked for, not how much garbage may lie
			g.must(t, "workspace", "create", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m")
			g.start(t)
			t.Cleanup(g.kill)
			_, secret := g.newKey(t)
			require.Equal(t, http.StatusOK, g.status(secret))
			before := g.resident(t)
			var (
				next atomic.Int64
				all  sync.WaitGroup
			)
			for range 4 {
				all.Go(func() {
					if err := g.send(&next, guesses(), guess, refused); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			grown := g.resident(t) - before
			t.Logf("%d keys: RSS grew by %d KB from %d KB", guesses(), grown, before)
			require.True(t, underRace || grown < 50<<10)
			require.Equal(t, http.StatusOK, g.status(secret), "guessing evicts no good key")
		})
	}
}

// guess is an unknown key.
func guess(n int) string {
	sum := sha256.Sum256(strconv.AppendInt(nil, int64(n), 10))
	return hex.EncodeToString(sum[:])
}

// send sends requests with secrets over one connection, several at a time, and sees all of them answered with one of the statuses.
func (g *gateway) send(next *atomic.Int64, until int, secret func(int) string, statuses []int) error {
	host := strings.TrimPrefix(g.url, "http://")
	connection, err := net.Dial("tcp", host)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	const atOnce = 32
	in, out := bufio.NewReader(connection), bufio.NewWriter(connection)
	for {
		from := int(next.Add(atOnce)) - atOnce
		if from >= until {
			return nil
		}
		for n := from; n < from+atOnce; n++ {
			_, _ = fmt.Fprintf(out, "GET /leads HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: 10.%d.%d.%d\r\nAuthorization: Bearer %s\r\n\r\n",
				host, n>>16&255, n>>8&255, n&255, secret(n))
		}
		if err := out.Flush(); err != nil {
			return err
		}
		for range atOnce {
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				return err
			}
			if !slices.Contains(statuses, response.StatusCode) {
				return fmt.Errorf("a key was answered %s", response.Status)
			}
		}
	}
}

// resident is the memory that the process holds, in KB.
func (g *gateway) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.Process.Pid))
	if os.IsNotExist(err) {
		t.Skip("this system does not tell how much memory a process holds")
	}
	require.NoError(t, err)
	_, after, found := strings.Cut(string(status), "VmRSS:")
	require.True(t, found)
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	return kilobytes
}
