package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// world is what all contestants share.
type world struct {
	dir, backend, redis string
	away                string // where the same Redis answers a millisecond later
	self                string
}

// sample is what one contestant used in one round, per request.
type sample struct {
	cpu     time.Duration
	mallocs float64
	load    load
	peak    int64
}

// run measures and prints.
func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w := &world{dir: dir}
	if w.self, err = os.Executable(); err != nil {
		return err
	}
	if err := w.prepare(&o); err != nil {
		return err
	}
	if o.start {
		return w.measureStarts(ctx)
	}
	stop, err := w.surround(ctx)
	defer stop()
	if err != nil {
		return err
	}
	fmt.Printf("%d connections, %d workspaces, %d rounds of %v on %d cores; the first contestant of a case is 1.00\n",
		o.connections, o.workspaces, o.rounds, o.round, runtime.NumCPU())
	for _, c := range allCases {
		if slices.Contains(o.cases, c.name) {
			if err := w.measure(ctx, &o, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare writes the files that gateways read.
func (w *world) prepare(o *options) error {
	if err := os.Mkdir(filepath.Join(w.dir, "policies"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, "policies", "lead.rego"), []byte(benchPolicy), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, "openapi.yaml"), []byte(benchDocument), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "keys.yaml"), []byte(keysFile(o.workspaces)), 0o600)
}

// surround starts the backend, and Redis where it is installed. Stop ends what was started, also where there is an error.
func (w *world) surround(ctx context.Context) (stop func(), err error) {
	w.backend = "127.0.0.1:" + freePort()
	backend, err := w.launch(ctx, "backend", w.self, roleArgument, "backend", w.backend)
	if err != nil {
		return func() {}, err
	}
	if err := backend.await(ctx, w.backend); err != nil {
		return backend.stop, err
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return backend.stop, nil // its contestant does not take part then
	}
	port := freePort()
	redis, err := w.launch(ctx, "redis-server", program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", w.dir)
	if err != nil {
		return backend.stop, err
	}
	w.redis = "127.0.0.1:" + port
	both := func() { redis.stop(); backend.stop() }
	if err := redis.await(ctx, w.redis); err != nil {
		return both, err
	}
	w.away = "127.0.0.1:" + freePort()
	away, err := w.launch(ctx, "away", w.self, roleArgument, "away", w.away, w.redis)
	if err != nil {
		return both, err
	}
	return func() { away.stop(); both() }, away.await(ctx, w.away)
}

// measure drives all contestants of a case in turn, round by round, and prints a line for each.
func (w *world) measure(ctx context.Context, o *options, c *benchCase) error {
	var runners []*running
	defer func() {
		for _, r := range runners {
			r.process.stop()
		}
	}()
	for _, one := range contestants {
		if !slices.Contains(o.only, one.name) || c.gateways && !one.gateway && one != contestants[0] || one.redis && w.redis == "" {
			continue
		}
		r, err := w.start(ctx, one)
		if err != nil {
			return fmt.Errorf("contestant %s: %w", one.name, err)
		}
		if r != nil {
			runners = append(runners, r)
		}
	}
	samples := make([][]sample, len(runners))
	for round := -1; round < o.rounds; round++ { // the first warms up
		for i, r := range runners {
			s, err := w.drive(ctx, o, c, r, round < 0)
			if err != nil {
				return fmt.Errorf("contestant %s, case %s: %w", r.name, c.name, err)
			}
			if round >= 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	return printCase(c, runners, samples)
}

// drive lets the load generator drive one contestant, and compares what it had used before and after.
func (w *world) drive(ctx context.Context, o *options, c *benchCase, r *running, warming bool) (s sample, err error) {
	plan := c.plan(o, r.address, r.gateway)
	if warming {
		plan.For = min(plan.For, time.Second)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return s, err
	}
	before, err := usageOf(r.process.cmd.Process.Pid, r.admin)
	if err != nil {
		return s, err
	}
	var out, problem bytes.Buffer
	generator := exec.CommandContext(ctx, w.self, roleArgument, "load")
	generator.Stdin = bytes.NewReader(text)
	generator.Stdout, generator.Stderr = &out, &problem
	profiled := func() error { return nil }
	if !warming {
		profiled = o.profile(ctx, c, r)
	}
	if err := generator.Run(); err != nil {
		return s, fmt.Errorf("the load generator: %w: %s", err, problem.Bytes())
	}
	if err := profiled(); err != nil {
		return s, err
	}
	if err := json.Unmarshal(out.Bytes(), &s.load); err != nil {
		return s, err
	}
	after, err := usageOf(r.process.cmd.Process.Pid, r.admin)
	if err != nil {
		return s, err
	}
	if wrong := s.load.Wrong; !warming && wrong > 0 || s.load.Requests == 0 {
		return s, fmt.Errorf("%d of %d answers were not %d; the first: %s", wrong, s.load.Requests, plan.Status, s.load.First)
	}
	s.cpu = (after.cpu - before.cpu) / time.Duration(s.load.Requests)
	s.mallocs = float64(after.mallocs-before.mallocs) / float64(s.load.Requests)
	s.peak = after.peak
	return s, nil
}

// printCase writes the medians of a case as a table, with the ratios of CPU round by round.
func printCase(c *benchCase, runners []*running, samples [][]sample) error {
	fmt.Printf("\n%s: %s\n", c.name, c.about)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "contestant\tCPU/request\tratio\t(from\tto)\trequests/s\tp50\tp99\tp99.9\tallocations\tmost memory\t")
	for i, r := range runners {
		var ratios []float64
		for round := range samples[i] {
			ratios = append(ratios, float64(samples[i][round].cpu)/float64(max(1, samples[0][round].cpu)))
		}
		slices.Sort(ratios)
		m := func(of func(*sample) float64) float64 { return median(samples[i], of) }
		allocations := "-"
		if r.caddy {
			allocations = fmt.Sprintf("%.0f", m(func(s *sample) float64 { return s.mallocs }))
		}
		fmt.Fprintf(out, "%s\t%.1f µs\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%s\t%s\t%s\t%.0f MiB\t\n", r.about,
			m(func(s *sample) float64 { return float64(s.cpu) })/1e3, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1],
			m(func(s *sample) float64 { return float64(s.load.Requests) / s.load.Took.Seconds() }),
			milliseconds(m(func(s *sample) float64 { return float64(s.load.P50) })),
			milliseconds(m(func(s *sample) float64 { return float64(s.load.P99) })),
			milliseconds(m(func(s *sample) float64 { return float64(s.load.P999) })),
			allocations, m(func(s *sample) float64 { return float64(s.peak) })/(1<<20))
	}
	return out.Flush()
}

func milliseconds(nanoseconds float64) string { return fmt.Sprintf("%.2f ms", nanoseconds/1e6) }

func median(samples []sample, of func(*sample) float64) float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = of(&samples[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
