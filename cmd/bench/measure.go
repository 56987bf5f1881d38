package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process and its children have used so far.
type usage struct {
	cpu time.Duration
	// peak is the most memory that any of them had resident, in bytes.
	peak int64
	// mallocs is how many objects a Go program has allocated, by its expvar page; 0: it has none.
	mallocs uint64
}

// tick is Linux' clock tick for times in /proc, which is 100 a second on every machine that Go runs on.
const tick = time.Second / 100

// usageOf reads /proc, and the admin endpoint of a Caddy if there is one.
func usageOf(pid int, admin string) (usage, error) {
	var u usage
	pids, err := family(pid)
	if err != nil {
		return u, err
	}
	for _, one := range pids {
		if err := u.add(one); err != nil {
			return u, err
		}
	}
	if admin != "" {
		u.mallocs, err = mallocs(admin)
	}
	return u, err
}

// family is a process and its children: nginx works in those.
func family(pid int) ([]int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, fmt.Errorf("reading what a process used (this works on Linux): %w", err)
	}
	pids := []int{pid}
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids, nil
}

func (u *usage) add(pid int) error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return fmt.Errorf("reading /proc/%d/stat: it is too short", pid)
	}
	for _, field := range fields[11:13] { // utime and stime
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return err
		}
		u.cpu += time.Duration(ticks) * tick
	}
	if text, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				return err
			}
			u.peak = max(u.peak, kib<<10)
		}
	}
	return nil
}

func mallocs(admin string) (uint64, error) {
	response, err := http.Get("http://" + admin + "/debug/vars")
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	var vars struct {
		MemStats struct{ Mallocs uint64 } `json:"memstats"`
	}
	err = json.NewDecoder(response.Body).Decode(&vars)
	return vars.MemStats.Mallocs, err
}
