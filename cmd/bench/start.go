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
}

var startCases = []startCase{
	{about: "the shipped pipeline", routes: 1, policies: 1, keys: 100},
	{about: "1,000 routes", routes: 1000, policies: 1, keys: 100},
	{about: "100 policy files", routes: 1, policies: 100, keys: 100},
	{about: "100,000 keys in keys.yaml", routes: 1, policies: 1, keys: 100_000},
	{about: "half of each", routes: 500, policies: 50, keys: 50_000},
	{about: "all of it", routes: 1000, policies: 100, keys: 100_000},
}

// measureStarts prints how long the gateway takes from its start to its first answer.
func (w *world) measureStarts(ctx context.Context) error {
	program, err := ourBinary(ctx, w)
	if err != nil {
		return err
	}
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
		fmt.Printf("%-28s first answer after %v (the best of 3)\n", c.about, best.Round(time.Millisecond))
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
