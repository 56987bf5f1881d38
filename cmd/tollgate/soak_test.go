package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSoak runs the pair of examples/deploy for as long as TOLLGATE_SOAK says, at full speed, while configurations are reloaded,
// policies and keys changed, and PostgreSQL and Redis restarted. No answer to a good key is anything but a success, what Redis
// counted is what was answered, and memory and goroutines do not grow.
func TestSoak(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("TOLLGATE_SOAK"))
	if err != nil || underRace {
		t.Skip("TOLLGATE_SOAK does not say for how long, such as 60s or 10m")
	}
	p := newPair(t)
	s := &soak{pair: p, others: map[string]int{}, told: map[string]int{}, ended: make(chan struct{})}
	for range 4 {
		key, err := p.makeKey(0)
		require.NoError(t, err)
		s.steady = append(s.steady, key.Secret)
	}
	var running sync.WaitGroup
	for n := range 8 {
		running.Go(func() { s.load(s.steady[n%len(s.steady)]) })
	}
	running.Go(s.changeKeys)
	s.disturb(t, duration)
	close(s.ended)
	running.Wait()

	require.Eventually(t, func() bool { status, _, local := p.ask("/api/me", s.steady[0]); return status == 200 && !local }, waitFor, 10*tick)
	counted, answered, local := p.counted(t, s.steady[0]), s.answered.Load(), s.local.Load()
	t.Logf("%v: %d requests granted, %d of them while Redis was away; counted %d; %d reloads, %d changes of the policy, %d keys lived and died, %d restarts of PostgreSQL and %d of Redis; refused as announced: %v",
		duration, answered, local, counted, s.reloads, s.rules, s.keys.Load(), s.postgresRestarts, s.redisRestarts, s.told)
	require.Empty(t, s.others, "answers that nobody announced; %s", p.complaints())
	require.Equal(t, p.backends.Load(), answered, "what the backend saw")
	require.LessOrEqual(t, counted, answered)
	require.GreaterOrEqual(t, counted, answered-local, "a count was lost")
	require.Positive(t, s.keys.Load())
	for n := range p.gateways {
		flat(t, fmt.Sprintf("memory of gateway %d, in MB", n), s.memory[n], 1.25, 20)
		flat(t, fmt.Sprintf("goroutines of gateway %d", n), s.goroutines[n], 1.25, 50)
	}
}

// soak is what a run does and has seen.
type soak struct {
	*pair
	steady          []string
	answered, local atomic.Int64
	keys            atomic.Int64
	ended           chan struct{}

	reloads, rules, postgresRestarts, redisRestarts int
	memory, goroutines                              [2][]float64

	mu     sync.Mutex
	others map[string]int // answers that nobody announced
	told   map[string]int // answers to a key that is new while PostgreSQL is away
}

func (s *soak) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// load asks with a key that is good all the time.
func (s *soak) load(secret string) {
	for !s.over() {
		status, body, local := s.ask("/api/leads", secret)
		if status == 200 {
			s.grant(local)
		} else {
			s.note(s.others, status, body)
		}
	}
}

func (s *soak) grant(local bool) {
	s.answered.Add(1)
	if local {
		s.local.Add(1)
	}
}

func (s *soak) note(where map[string]int, status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	where[fmt.Sprint(status, " ", body)]++
}

// made is a key as the command shows it.
type made struct{ ID, Secret string }

func (p *pair) makeKey(n int) (key made, err error) {
	out, err := p.at(n, "key", "create", "--workspace", "ws_acme", "--scope", "leads.*", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &key)
	}
	return key, err
}

// changeKeys makes keys, rotates and revokes them, and sees each change obeyed by both gateways. While PostgreSQL is away a command
// fails, and is given again.
func (s *soak) changeKeys() {
	for !s.over() {
		key, err := s.makeKey(1)
		if err != nil || !s.until(key.Secret, 200) {
			continue
		}
		rotated := made{}
		for rotated.Secret == "" && !s.over() {
			if out, err := s.at(0, "key", "rotate", key.ID, "--grace", "0s", "--json"); err == nil {
				_ = json.Unmarshal([]byte(out), &rotated)
			}
		}
		if !s.until(key.Secret, 401) || !s.until(rotated.Secret, 200) {
			return
		}
		for {
			if _, err := s.at(1, "key", "revoke", key.ID); err == nil || s.over() {
				break
			}
		}
		if s.until(rotated.Secret, 401) {
			s.keys.Add(1)
		}
	}
}

// until asks until both gateways answer with the status, which is four times in a row. It reports false where the run is over first.
func (s *soak) until(secret string, want int) bool {
	for row := 0; row < 4; {
		if s.over() {
			return false
		}
		status, body, local := s.ask("/api/leads", secret)
		switch {
		case status == 200:
			s.grant(local)
		case status == 429 && strings.Contains(body, "Too many failed requests from this address."):
			status = 401 // the throttle of bad keys: the good ones from this address go on
		}
		switch {
		case status == want:
			row++
			continue
		case status == 503 && strings.Contains(body, "The key cannot be checked"):
			s.note(s.told, status, body)
		case status != 200 && status != 401:
			s.note(s.others, status, body)
		}
		row = 0
	}
	return true
}

// disturb does to the pair what happens in a year, and samples what it holds, once a second.
func (s *soak) disturb(t *testing.T, duration time.Duration) {
	t.Helper()
	defer s.redis.Start()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for second := 1; second <= int(duration/time.Second) || second%20 != 1; second++ { // to the end of a round: all of them run then
		<-every.C
		if second%5 == 0 {
			_, err := s.at(second/5%2, "reload", "--force")
			require.NoError(t, err, "reloading; %s", s.complaints())
			s.reloads++
		}
		if second%7 == 0 {
			s.rule(t, "No deletions, for the time being: "+strconv.Itoa(second))
			s.rules++
		}
		switch second % 20 {
		case 9:
			s.redis.Kill()
		case 11:
			s.redis.Start()
			s.redisRestarts++
		case 14:
			s.postgres.Stop()
		case 16:
			s.postgres.Start()
			s.postgresRestarts++
		}
		for n, gateway := range s.gateways {
			s.memory[n] = append(s.memory[n], resident(t, gateway.Process.Pid))
			if count := s.count(n); count > 0 {
				s.goroutines[n] = append(s.goroutines[n], count)
			}
		}
	}
}

// count is how many goroutines a gateway has; 0 where it does not say.
func (s *soak) count(n int) (count float64) {
	for _, variable := range s.env[n] {
		admin, found := strings.CutPrefix(variable, "CADDY_ADMIN=")
		if !found {
			continue
		}
		response, err := http.Get("http://" + admin + "/debug/pprof/goroutine?debug=1")
		if err != nil {
			return 0
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		_, _ = fmt.Sscanf(string(text), "goroutine profile: total %g", &count)
	}
	return count
}

// resident is the memory that a process has from the machine, in MB.
func resident(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return float64(pages*os.Getpagesize()) / 1e6
}

// flat compares the medians of the last and the middle third.
func flat(t *testing.T, what string, samples []float64, factor, slack float64) {
	t.Helper()
	third := len(samples) / 3
	require.Positive(t, third, what)
	first, middle, last := median(samples[:third]), median(samples[third:2*third]), median(samples[2*third:])
	t.Logf("%s: %.0f, %.0f, %.0f in the thirds of the run, at most %.0f", what, first, middle, last, slices.Max(samples))
	require.LessOrEqual(t, last, middle*factor+slack, "%s grows", what)
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}
