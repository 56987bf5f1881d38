package redis_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// busyOrder is the environment variable that makes the test binary a gateway process which is short of processor time;
// hogOrder makes it a process that takes all there is.
const (
	busyOrder = "TOLLGATE_BUSY_WORKER"
	hogOrder  = "TOLLGATE_HOG"
)

// busy is what a gateway process has to do: send requests, and work on each as a gateway does.
type busy struct {
	URL        string
	Settings   redis.Settings
	Windows    []record.Window
	Workspaces int
	Goroutines int
	For        time.Duration
	Work       int // hashes of 1 KB a request
}

// outcome is what became of the requests of a gateway process.
type outcome struct {
	Requests, Local, Remembered, Granted int64
	Outages                              int64                      // openings of the breaker
	Spent                                map[string]map[int64]int64 // by workspace and the end of the first window
	Longest                              time.Duration
	Because                              string // of the last outage
}

func beBusy(encoded string, out io.Writer) error {
	var o busy
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		return err
	}
	backend, err := redis.ParseBackend(o.URL, "")
	if err != nil {
		return err
	}
	seen := &observed{}
	engine, err := redis.New(backend, o.Settings, redis.Options{Observer: seen})
	if err != nil {
		return err
	}
	defer engine.Close()
	engine.Start()
	var (
		mu    sync.Mutex
		total = outcome{Spent: map[string]map[int64]int64{}}
		all   sync.WaitGroup
	)
	for g := range o.Goroutines {
		all.Go(func() {
			own := outcome{}
			spent := map[string]map[int64]int64{}
			block := make([]byte, 1024)
			for i, began := 0, time.Now(); time.Since(began) < o.For; i++ {
				for range o.Work {
					sum := sha256.Sum256(block)
					copy(block, sum[:])
				}
				workspace := fmt.Sprint("ws_", (g+i)%o.Workspaces)
				asked := time.Now()
				result, err := engine.Take(context.Background(), workspace, o.Windows, 1)
				if err != nil {
					panic(err)
				}
				own.Longest = max(own.Longest, time.Since(asked))
				own.Requests++
				switch result.Source {
				case limits.FromLocal:
					own.Local++
				case limits.FromRemembered:
					own.Remembered++
				}
				if result.Granted {
					own.Granted++
					if spent[workspace] == nil {
						spent[workspace] = map[int64]int64{}
					}
					spent[workspace][result.State.Statuses()[0].Reset]++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.Requests += own.Requests
			total.Local += own.Local
			total.Remembered += own.Remembered
			total.Granted += own.Granted
			total.Longest = max(total.Longest, own.Longest)
			for workspace, sums := range spent {
				if total.Spent[workspace] == nil {
					total.Spent[workspace] = map[int64]int64{}
				}
				for reset, n := range sums {
					total.Spent[workspace][reset] += n
				}
			}
		})
	}
	all.Wait()
	for _, away := range seen.outages() {
		if away {
			total.Outages++
			total.Because = seen.last.Error()
		}
	}
	return json.NewEncoder(out).Encode(total)
}

// hog takes all cores until its standard input ends.
func hog() {
	for range runtime.NumCPU() {
		go func() {
			for block := [32]byte{}; ; block = sha256.Sum256(block[:]) {
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, however that ends
}

// child is this test binary under an order.
func child(t *testing.T, variable, value string) *exec.Cmd {
	t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), variable+"="+value)
	process.Stderr = os.Stderr
	return process
}

// runBusy runs the order in so many processes; each may be disturbed while it runs.
func runBusy(t *testing.T, o busy, processes int, disturb func(*os.Process)) (outcomes []outcome) {
	t.Helper()
	encoded, err := json.Marshal(o)
	require.NoError(t, err)
	outcomes = make([]outcome, processes)
	var all sync.WaitGroup
	for i := range outcomes {
		process := child(t, busyOrder, string(encoded))
		out, err := process.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, process.Start())
		all.Go(func() {
			ended := make(chan struct{})
			if disturb != nil {
				go func() {
					for {
						select {
						case <-ended:
							return
						default:
							disturb(process.Process)
						}
					}
				}()
			}
			err := json.NewDecoder(out).Decode(&outcomes[i])
			close(ended)
			if err != nil {
				t.Errorf("reading an outcome: %v", err)
			}
			if err := process.Wait(); err != nil {
				t.Errorf("a gateway process failed: %v", err)
			}
		})
	}
	all.Wait()
	return outcomes
}

// assertExact finds that no breaker opened, and that no window was granted more than its limit.
func assertExact(t *testing.T, o busy, outcomes []outcome) {
	t.Helper()
	spent, spans, over, worst := map[string]map[int64]int64{}, 0, 0, int64(0)
	outages := int64(0)
	for i, p := range outcomes {
		t.Logf("gateway %d: %d requests, %d granted, %d remembered, %d local, %d outages %s, the longest wait %s", i, p.Requests, p.Granted, p.Remembered, p.Local, p.Outages, p.Because, p.Longest)
		outages += p.Outages
		for workspace, sums := range p.Spent {
			if spent[workspace] == nil {
				spent[workspace] = map[int64]int64{}
			}
			for reset, n := range sums {
				spent[workspace][reset] += n
			}
		}
	}
	for _, sums := range spent {
		for _, n := range sums {
			spans++
			if n > o.Windows[0].Limit {
				over++
				worst = max(worst, n)
			}
		}
	}
	t.Logf("%d windows, %d over", spans, over)
	require.Positive(t, spans, "nothing was granted")
	require.Zero(t, over, "windows over their limit, the worst has %d of %d", worst, o.Windows[0].Limit)
	require.Zero(t, outages, "outages of a Redis that is well")
}

// TestABusyMachineIsNoOutage runs two engines beside a process that takes all cores; the program's own long form does it with
// whole gateways.
func TestABusyMachineIsNoOutage(t *testing.T) {
	server := services.Redis(t)
	h := child(t, hogOrder, "1")
	_, err := h.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, h.Start())
	defer func() { _ = h.Process.Kill(); _ = h.Wait() }()
	o := busy{URL: server.URL(), Settings: redis.Settings{Gateways: 2}, Windows: windows(t, "1500/2s", "100000000/1d"), Workspaces: 8, Goroutines: 64, For: 6 * time.Second, Work: 20}
	if long() {
		o.For = time.Minute
	}
	assertExact(t, o, runBusy(t, o, 2, nil))
}

// TestAGatewayThatWasStoppedFindsItsReplies: what is in the socket when a gateway runs again is an answer.
func TestAGatewayThatWasStoppedFindsItsReplies(t *testing.T) {
	server := services.Redis(t)
	o := busy{URL: server.URL(), Settings: redis.Settings{Gateways: 2}, Windows: windows(t, "1500/2s", "100000000/1d"), Workspaces: 8, Goroutines: 64, For: 5 * time.Second, Work: 5}
	assertExact(t, o, runBusy(t, o, 2, func(p *os.Process) {
		<-time.After(100 * time.Millisecond)
		_ = p.Signal(syscall.SIGSTOP)
		<-time.After(150 * time.Millisecond)
		_ = p.Signal(syscall.SIGCONT)
	}))
}
