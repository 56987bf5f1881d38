// Command bench puts the gateway beside what a team could run in its place, on one machine and in one run: stock Caddy as a
// bare reverse proxy, this program's own binary as a bare reverse proxy, the whole gateway with memory and with Redis
// counters, and nginx and haproxy as bare proxies where they are installed. It builds what it can, drives each in turn over
// several rounds with a closed loop of requests, and prints what a request costs.
//
//	go run ./cmd/bench                    # all contestants, all cases
//	go run ./cmd/bench --rounds 5 --only stock,memory --case 200
//	go run ./cmd/bench --only memory,redis --case 200 --workspaces 1    # one workspace that is busy
//	go run ./cmd/bench --only memory,redis-1ms --case 200               # Redis on another machine, as it were
//	go run ./cmd/bench --start            # how long until the first answer
//
// Load generator, backend and contestants are processes of their own; a request's CPU is the contestant's alone. Machines
// differ and are noisy: only ratios of one run say anything.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	rounds      int
	round       time.Duration
	connections int
	workspaces  int
	only, cases []string
	start       bool
	profiles    string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == roleArgument {
		os.Exit(playRole(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := read(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func read(args []string) (options, error) {
	var o options
	var only, cases string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; each drives every contestant once")
	flags.DurationVar(&o.round, "time", 4*time.Second, "how long a contestant is driven in a round")
	flags.IntVar(&o.connections, "connections", 32, "connections that are kept alive")
	flags.IntVar(&o.workspaces, "workspaces", 100, "workspaces, with a key each")
	flags.StringVar(&only, "only", "", "contestants, separated by commas: "+strings.Join(names(contestants), ", "))
	flags.StringVar(&cases, "case", "", "cases, separated by commas: "+strings.Join(names(allCases), ", "))
	flags.StringVar(&o.profiles, "profiles", "", "folder for CPU profiles of the gateways, one a round and contestant: what the image is built by is made of them")
	flags.BoolVar(&o.start, "start", false, "measure how long the gateway takes to its first answer instead")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: all are flags", flags.Arg(0))
	}
	if o.rounds < 1 || o.connections < 1 || o.workspaces < 1 || o.round < 100*time.Millisecond {
		return o, errors.New("rounds, connections and workspaces must be at least 1, and a round 100ms")
	}
	var err error
	if o.only, err = chosen("contestant", only, contestants); err != nil {
		return o, err
	}
	if only == "" {
		o.only = slices.DeleteFunc(o.only, func(name string) bool {
			return slices.ContainsFunc(contestants, func(c *contestant) bool { return c.name == name && c.asked })
		})
	}
	o.cases, err = chosen("case", cases, allCases)
	return o, err
}

// named is what a flag chooses by name.
type named interface{ title() string }

func names[T named](list []T) []string {
	titles := make([]string, len(list))
	for i, one := range list {
		titles[i] = one.title()
	}
	return titles
}

// chosen reads a list of names; the empty text chooses all.
func chosen[T named](what, text string, list []T) ([]string, error) {
	known := names(list)
	if text == "" {
		return known, nil
	}
	picked := strings.Split(text, ",")
	for _, name := range picked {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown %s %q: write one of %s", what, name, strings.Join(known, ", "))
		}
	}
	return picked, nil
}
