package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	workspaces = 13_100
	perW       = 10
)

func secret(n int) string { return fmt.Sprintf("secret-number-%07d-abcdef", n) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	dir := os.Args[2]
	db := filepath.Join(dir, "keys.db")
	if _, err := os.Stat(db); err != nil {
		s := sqlite.New(db, sqlite.Options{Create: true})
		act := keystore.Act{By: "x", Action: "y"}
		ctx := context.Background()
		for w := range workspaces {
			id := fmt.Sprintf("ws_%05d", w)
			must(s.CreateWorkspace(ctx, act, &record.Workspace{ID: id, Plan: "pro", Metadata: map[string]any{"region": "eu", "tier": "gold"}}))
			var keys []keystore.NewKey
			for i := range perW {
				n := w*perW + i
				keys = append(keys, keystore.NewKey{Sum: record.SumOf(secret(n)), Key: record.Key{ID: fmt.Sprintf("key_%07d", n), Name: "crm agent", Scopes: []record.Scope{"agent.leads.read", "agent.leads.write", "agent.files.*"}}})
			}
			must(s.CreateKeys(ctx, act, id, keys))
		}
		must(s.Close())
	}
	backend := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go backend.Serve(l)
	cf := fmt.Sprintf(`{
	admin 127.0.0.1:29019
	persist_config off
	log default {
		output file /tmp/mem/caddy.log
		level DEBUG
	}
	tollgate {
		keys sqlite %s
		refusal_throttle off
		%s
	}
}
http://127.0.0.1:28080 {
	tollgate {
		route GET /leads agent.leads.read
	}
	reverse_proxy %s
}
`, db, os.Getenv("OPTIONS"), l.Addr())
	must(os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(cf), 0o600))
	cmd := exec.Command(os.Args[1], "run", "--config", filepath.Join(dir, "Caddyfile"))
	cmd.Stderr = os.Stderr
	must(cmd.Start())
	defer cmd.Process.Kill()
	for {
		time.Sleep(200 * time.Millisecond)
		if c, err := net.Dial("tcp", "127.0.0.1:28080"); err == nil {
			c.Close()
			break
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	stats := func(label string) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		rss := regexp.MustCompile(`VmRSS:\s+(\d+)`).FindStringSubmatch(string(text))[1]
		hwm := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindStringSubmatch(string(text))[1]
		resp, err := client.Get("http://127.0.0.1:29019/debug/pprof/heap?gc=1&debug=1")
		must(err)
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		for _, l := range strings.Split(string(b), "\n") {
			if strings.HasPrefix(l, "# Heap") || strings.HasPrefix(l, "# Sys") || strings.HasPrefix(l, "# Stack") || strings.HasPrefix(l, "# GC") || strings.HasPrefix(l, "# MSpan") || strings.HasPrefix(l, "# Other") || strings.HasPrefix(l, "# Next") {
				fmt.Println(l)
			}
		}
		text, _ = os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		fmt.Println(regexp.MustCompile(`Rss\w+:\s+\d+`).FindAllString(string(text), -1))
		alloc := regexp.MustCompile(`HeapAlloc = (\d+)`).FindStringSubmatch(string(b))[1]
		text, _ = os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		rss2 := regexp.MustCompile(`VmRSS:\s+(\d+)`).FindStringSubmatch(string(text))[1]
		fmt.Printf("%s: rss %s kB (peak %s), live heap %s, rss after gc %s\n", label, rss, hwm, alloc, rss2)
	}
	stats("start")
	status := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	work := make(chan int)
	for range 16 {
		wg.Go(func() {
			for n := range work {
				r, _ := http.NewRequest("GET", "http://127.0.0.1:28080/leads", nil)
				r.Header.Set("Authorization", "Bearer "+secret(n))
				a, err := client.Do(r)
				s := 0
				if err == nil {
					io.Copy(io.Discard, a.Body)
					a.Body.Close()
					s = a.StatusCode
				}
				mu.Lock()
				status[s]++
				mu.Unlock()
			}
		})
	}
	rounds := 1
	for range rounds {
		for n := range workspaces * perW {
			work <- n
		}
	}
	close(work)
	wg.Wait()
	fmt.Println(status, time.Since(began))
	stats("after")
	if m, err := client.Get("http://127.0.0.1:29019/metrics"); err == nil {
		b, _ := io.ReadAll(m.Body)
		for _, l := range strings.Split(string(b), "\n") {
			if strings.HasPrefix(l, "tollgate_refusals") || strings.HasPrefix(l, "tollgate_requests_total") || strings.HasPrefix(l, "tollgate_step_seconds_bucket{step=\"policy") || strings.HasPrefix(l, "process_resident") {
				fmt.Println(l)
			}
		}
	}
	resp, err := client.Get("http://127.0.0.1:29019/debug/pprof/heap?gc=1")
	must(err)
	f, _ := os.Create(filepath.Join(dir, "heap.pprof"))
	io.Copy(f, resp.Body)
	f.Close()
	_ = strings.TrimSpace
}
