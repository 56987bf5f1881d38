package redis_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// workerOrder is the environment variable that makes the test binary a gateway process of the exactness harness.
const workerOrder = "TOLLGATE_EXACTNESS_WORKER"

// order is what a gateway process has to do.
type order struct {
	URL        string
	Skew       time.Duration
	Windows    []record.Window
	Costs      []int64
	Workspaces int
	Goroutines int
	For        time.Duration // each goroutine goes on for so long,
	Requests   int           // but not beyond so many requests,
	Pause      time.Duration // and rests that long after a refusal
}

// answer is what one request got.
type answer struct {
	Workspace string
	Cost      int64
	Granted   bool
	Source    limits.Source
	Remaining []int64
	Resets    []int64
}

// work is the gateway process: it sends requests from many goroutines and writes down every answer.
func work(encoded string, out io.Writer) error {
	var o order
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		return err
	}
	backend, err := redis.ParseBackend(o.URL, "")
	if err != nil {
		return err
	}
	engine, err := redis.New(backend, patient, redis.Options{Clock: func() time.Time { return time.Now().Add(o.Skew) }})
	if err != nil {
		return err
	}
	defer engine.Close()

	answers, failures := make([][]answer, o.Goroutines), make([]error, o.Goroutines)
	var all sync.WaitGroup
	for g := range o.Goroutines {
		all.Go(func() {
			for i, began := 0, time.Now(); i < o.Requests && time.Since(began) < o.For; i++ {
				workspace := fmt.Sprint("ws_", (g+i)%o.Workspaces)
				cost := o.Costs[(g+i/o.Workspaces)%len(o.Costs)]
				result, err := engine.Take(context.Background(), workspace, o.Windows, cost)
				if err != nil {
					failures[g] = err
					return
				}
				if !result.Granted && o.Pause > 0 {
					<-time.After(o.Pause)
				}
				a := answer{Workspace: workspace, Cost: cost, Granted: result.Granted, Source: result.Source, Remaining: remaining(result.State)}
				for _, status := range result.State.Statuses() {
					a.Resets = append(a.Resets, status.Reset)
				}
				answers[g] = append(answers[g], a)
			}
		})
	}
	all.Wait()
	encoder := json.NewEncoder(out)
	for g := range answers {
		if failures[g] != nil {
			return failures[g]
		}
		for _, a := range answers[g] {
			if err := encoder.Encode(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// gateways runs the order in four processes whose clocks disagree by up to 700 ms, and gives all answers.
func gateways(t *testing.T, o order) (all []answer) {
	t.Helper()
	skews := []time.Duration{0, 700 * time.Millisecond, -700 * time.Millisecond, 333 * time.Millisecond}
	var (
		mu      sync.Mutex
		running sync.WaitGroup
	)
	for _, skew := range skews {
		o.Skew = skew
		encoded, err := json.Marshal(o)
		require.NoError(t, err)
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), workerOrder+"="+string(encoded))
		process.Stderr = os.Stderr
		out, err := process.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, process.Start())
		running.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				var a answer
				if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
					t.Errorf("reading an answer: %v", err)
				}
				mu.Lock()
				all = append(all, a)
				mu.Unlock()
			}
			if err := process.Wait(); err != nil {
				t.Errorf("a gateway process failed: %v", err)
			}
		})
	}
	running.Wait()
	return all
}

// span is one running of one window of one workspace.
type span struct {
	workspace string
	window    int
	reset     int64
}

// check holds the answers to the promise: nobody was answered locally, in every span no two grants share a position and
// all of them together stay within the limit, and no request was refused that would have fitted.
func check(t *testing.T, o order, answers []answer) map[span]int64 {
	t.Helper()
	spent, positions := map[span]int64{}, map[span]map[int64]bool{}
	sources := map[limits.Source]int{}
	for _, a := range answers {
		sources[a.Source]++
		require.NotEqual(t, limits.FromLocal, a.Source, "a local answer")
		short := false
		for i, w := range o.Windows {
			short = short || a.Remaining[i] < a.Cost
			if !a.Granted {
				continue
			}
			s := span{a.Workspace, i, a.Resets[i]}
			spent[s] += a.Cost
			if positions[s] == nil {
				positions[s] = map[int64]bool{}
			}
			for p := a.Remaining[i]; p < a.Remaining[i]+a.Cost; p++ {
				require.False(t, positions[s][p], "position %d of %v was given twice", p, s)
				require.Less(t, p, w.Limit)
				positions[s][p] = true
			}
		}
		require.True(t, a.Granted || short, "refused although it fits: %+v", a)
	}
	for s, sum := range spent {
		require.LessOrEqual(t, sum, o.Windows[s.window].Limit, "%v", s)
	}
	t.Logf("%d requests: %d by redis, %d remembered, %d spans", len(answers), sources[limits.FromRedis], sources[limits.FromRemembered], len(spent))
	return spent
}

// TestExactness is the promise over several gateways: never one more than the limit, no fitting request refused,
// positions unique, whatever the clocks of the gateways say.
func TestExactness(t *testing.T) {
	server := services.Redis(t)
	each, requests, scale := 2*time.Second, 400, int64(1)
	if long() {
		each, requests, scale = 30*time.Second, 8_000, 20
	}
	for _, c := range []struct {
		name   string
		filled bool // the demand is beyond what the tighter window admits
		order
	}{
		{"mixed costs fill the tighter window", true, order{Windows: windows(t, "9000/1h", "10000/1d"), Costs: []int64{1, 5, 20}, Workspaces: 5, Requests: requests}},
		{"equal costs of 5", true, order{Windows: windows(t, "9000/1h", "7500/1d"), Costs: []int64{5}, Workspaces: 3, Requests: requests}},
		{"windows that end meanwhile", false, order{Windows: windows(t, "1500/1s", "1000000/1h"), Costs: []int64{1, 5, 20}, Workspaces: 4, Requests: 1 << 30, Pause: 5 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.Windows {
				if c.filled {
					c.Windows[i].Limit *= scale
				}
			}
			client := server.Client()
			defer client.Close()
			require.NoError(t, client.FlushAll(context.Background()).Err())
			o := c.order
			o.URL, o.Goroutines, o.For = server.URL(), 16, max(each, time.Minute)
			if !c.filled {
				o.For = each
			}
			for s, sum := range check(t, o, gateways(t, o)) {
				if c.filled {
					require.Equal(t, min(o.Windows[0].Limit, o.Windows[1].Limit), sum, "%v is not filled to the last unit", s)
				}
			}
		})
	}
}
