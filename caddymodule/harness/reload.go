package harness

import (
	"bytes"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Load adapts the Caddyfile's text and loads it, the first time or as a reload. A config error leaves what ran before.
//
// It returns once the servers of the configuration before take no more connections. Caddy itself returns a moment earlier,
// and a request in that moment may still be judged by the configuration that is going.
func (g *Gateway) Load(text string) error {
	config, err := g.Adapt(text)
	if err != nil {
		return err
	}
	before := servers()
	if err := caddy.Load(config, true); err != nil {
		return err
	}
	if bytes.Contains(config, []byte(`"servers"`)) && len(servers()) == 0 {
		return errors.New("no goroutine looks like one of Caddy's servers: the pattern 'serving' is out of date")
	}
	g.clients.closeIdle()
	tick, late := time.NewTicker(time.Millisecond), time.After(WaitFor)
	defer tick.Stop()
	for {
		after, stopped := servers(), true
		for id := range before {
			stopped = stopped && !after[id]
		}
		if stopped {
			return nil
		}
		select {
		case <-tick.C:
		case <-late:
			return errors.New("the servers of the configuration before still take connections")
		}
	}
}

// Go's HTTP server in a goroutine that Caddy's HTTP app started, or one that is yet to run.
var serving = regexp.MustCompile(`(?s)^goroutine (\d+) .*(?:net/http\.\(\*Server\)\.Serve|caddyhttp\.\(\*App\)\.Start\.gowrap).*created by github\.com/caddyserver/caddy/v2/modules/caddyhttp\.\(\*App\)\.Start`)

// servers gives the goroutines in which Caddy's HTTP servers take connections.
func servers() map[string]bool {
	stacks := make([]byte, 1<<20)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) {
			stacks = stacks[:n]
			break
		}
		stacks = make([]byte, 2*len(stacks))
	}
	found := map[string]bool{}
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if match := serving.FindStringSubmatch(stack); match != nil {
			found[match[1]] = true
		}
	}
	return found
}
