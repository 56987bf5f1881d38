package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// busyWorkspaces have one key each, which may be used from this machine's addresses alone: each address is a decision of its
// own. busyLimit is what they may spend in two seconds.
const (
	busyWorkspaces = 20
	busyLimit      = 100
)

// TestTwoBusyGatewaysKeepLimitsAndDecide: two gateways on one Redis, beside processes that take all cores. Nothing is away, so
// no window may let more through than its limit, and no decision may fail.
func TestTwoBusyGatewaysKeepLimitsAndDecide(t *testing.T) {
	if !harness.Long() || underRace {
		t.Skip("this is a long form")
	}
	server := services.Redis(t)
	var keys strings.Builder
	keys.WriteString("workspaces:\n")
	for n := range busyWorkspaces {
		fmt.Fprintf(&keys, "  - id: ws_%d\n    plan: small\n    keys:\n      - {id: key_%[1]d, name: busy, sha256: %x, scopes: [\"*\"], allowed_ips: [127.0.0.0/8]}\n", n, sha256.Sum256([]byte(busySecret(n))))
	}
	urls := make([]string, 2)
	for i := range urls {
		g := newGateway(t, fmt.Sprintf("\tlog {\n\t\tlevel ERROR\n\t}\n\ttollgate {\n\t\tkeys file keys.yaml\n\t\tcounters redis %s {\n\t\t\texpected_gateways 2\n\t\t}\n\t\tplan small %d/2s\n\t\tauth_throttle off\n\t\trefusal_throttle off\n\t}", server.URL(), busyLimit), "")
		g.write(t, "keys.yaml", keys.String())
		g.start(t)
		t.Cleanup(g.kill)
		urls[i] = g.url + "/leads"
	}
	for range runtime.NumCPU() {
		hog := exec.Command("sh", "-c", "while :; do :; done")
		require.NoError(t, hog.Start())
		t.Cleanup(func() { _ = hog.Process.Kill(); _ = hog.Wait() })
	}

	seen := seenAnswers{granted: map[string]int{}, statuses: map[int]int{}}
	until := time.Now().Add(3 * time.Minute)
	var callers sync.WaitGroup
	for n := range 16 {
		callers.Go(func() {
			for round := n; time.Now().Before(until); round += 16 {
				seen.from(net.IPv4(127, 1, byte(round/250), byte(1+round%250)), urls[n%2])
			}
		})
	}
	callers.Wait()

	over := 0
	for window, granted := range seen.granted {
		if granted > busyLimit {
			over++
			t.Errorf("window %s let %d of %d through", window, granted, busyLimit)
		}
	}
	t.Logf("%d windows, %d over; answers by status: %v; without an answer: %d", len(seen.granted), over, seen.statuses, seen.lost)
	require.Greater(t, len(seen.granted), busyWorkspaces)
	require.Zero(t, seen.statuses[http.StatusInternalServerError], "a decision failed")
	require.Positive(t, seen.statuses[http.StatusTooManyRequests], "the limits were reached")
}

func busySecret(n int) string { return fmt.Sprintf("busy-secret-number-%03d", n) }

// seenAnswers are what all callers saw.
type seenAnswers struct {
	mu       sync.Mutex
	granted  map[string]int // by workspace and end of the window
	statuses map[int]int
	lost     int
}

// from asks thirty times from one address, on one connection.
func (s *seenAnswers) from(address net.IP, url string) {
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: address}}).DialContext}
	defer transport.CloseIdleConnections()
	for range 30 {
		n := rand.IntN(busyWorkspaces)
		request, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			panic(err)
		}
		request.Header.Set("Authorization", "Bearer "+busySecret(n))
		response, err := transport.RoundTrip(request)
		s.mu.Lock()
		if err != nil {
			s.lost++
		} else {
			s.statuses[response.StatusCode]++
			if response.StatusCode == http.StatusOK {
				s.granted[strconv.Itoa(n)+" until "+response.Header.Get("X-Ratelimit-Reset")]++
			}
		}
		s.mu.Unlock()
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
}
