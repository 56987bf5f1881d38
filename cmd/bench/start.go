package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startCase is a configuration whose first answer is waited for.
type startCase struct {
	about string
	// routes, policies and keys are how many of them it has.
	routes, policies, keys int
	// double says that it has twice as many of them as the case before: what it adds is put beside what that one added.
	double bool
}

var startCases = []startCase{
	{about: "the shipped pipeline", routes: 1, policies: 1, keys: 100},
	{about: "1,000 routes", routes: 1000, policies: 1, keys: 100},
	{about: "2,000 routes", routes: 2000, policies: 1, keys: 100, double: true},
	{about: "100 policy files", routes: 1, policies: 100, keys: 100},
	{about: "200 policy files", routes: 1, policies: 200, keys: 100, double: true},
	{about: "100,000 keys in keys.yaml", routes: 1, policies: 1, keys: 100_000},
	{about: "200,000 keys in keys.yaml", routes: 1, policies: 1, keys: 200_000, double: true},
	{about: "1,000, 100 and 100,000", routes: 1000, policies: 100, keys: 100_000},
}

// measureStarts prints how long the gateway takes from its start to its first answer. Where twice as much takes four times as long, a
// step is quadratic.
func (w *world) measureStarts(ctx context.Context) error {
	program, err := ourBinary(ctx, w)
	if err != nil {
		return err
	}
	var plain, before time.Duration
	for _, c := range startCases {
		best := time.Duration(0)
		for range 3 {
			took, err := w.firstAnswer(ctx, program, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.about, err)
			}
			if best == 0 || took < best {
				best = took
			}
		}
		if plain == 0 {
			plain = best
		}
		fmt.Printf("%-28s first answer after %v (the best of 3)", c.about, best.Round(time.Millisecond))
		if c.double && before > plain {
			fmt.Printf(", %.1f times what half of them added", float64(best-plain)/float64(before-plain))
		}
		fmt.Println()
		before = best
	}
	return nil
}

func (w *world) firstAnswer(ctx context.Context, program string, c startCase) (took time.Duration, err error) {
	dir := filepath.Join(w.dir, "start")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "policies"), 0o700)); err != nil {
		return 0, err
	}
	for n := range c.policies {
		text := strings.Replace(benchPolicy, "input.request.body\n", fmt.Sprintf("input.request.body\n\tinput.route.pattern == \"/judged/%d\"\n", n), 1)
		if err := os.WriteFile(filepath.Join(dir, "policies", fmt.Sprintf("rule%d.rego", n)), []byte(text), 0o600); err != nil {
			return 0, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "keys.yaml"), []byte(keysFile(c.keys)), 0o600); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(benchDocument), 0o600); err != nil {
		return 0, err
	}
	var routes strings.Builder
	for n := range c.routes {
		fmt.Fprintf(&routes, "\t\troute GET /more/%d/:id agent.leads.read\n", n)
	}
	port := freePort()
	text := strings.NewReplacer("$BACKEND", "127.0.0.1:9", "$PORT", port, "$ADMIN", "off", "$DIR", dir, "\t\troute GET /leads agent", routes.String()+"\t\troute GET /leads agent").
		Replace(wholeGateway("counters memory")(w, port, ""))
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	began := time.Now()
	p, err := w.launch(ctx, "start", program, runCaddy(file)...)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	for {
		response, err := http.Get("http://127.0.0.1:" + port + "/leads")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized {
				return 0, fmt.Errorf("the first answer is %s", response.Status)
			}
			return time.Since(began), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-p.done:
			return 0, p.ended()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
