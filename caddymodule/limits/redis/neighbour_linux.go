package redis

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"time"
)

// neighbour is the process of a Redis on this machine, as the kernel shows it under /proc.
type neighbour struct {
	folder string
	ran    time.Duration // on a processor, when it was last looked at
	looked bool
}

// newNeighbour finds the process that a Redis said it is. It returns nil if there is no such process here: Redis may run in
// a container of its own, or its user may not run INFO.
func newNeighbour(id, executable string) *neighbour {
	if pid, err := strconv.Atoi(id); err != nil || pid <= 0 {
		return nil
	}
	n := &neighbour{folder: "/proc/" + id}
	name := path.Base(executable)
	if text, err := os.ReadFile(n.folder + "/comm"); err != nil || string(bytes.TrimSpace(text)) != name[:min(len(name), 15)] {
		return nil
	}
	return n
}

// waits reports whether the process could run and gets no processor, for most of the time since the last look.
func (n *neighbour) waits(step time.Duration) bool {
	text, err := os.ReadFile(n.folder + "/stat")
	if err != nil {
		return false
	}
	// 4711 (redis-server) R …
	_, state, _ := bytes.Cut(text, []byte(") "))
	text, err = os.ReadFile(n.folder + "/schedstat")
	if err != nil || !bytes.HasPrefix(state, []byte("R")) {
		return false
	}
	// The time on a processor, the time waiting for one, both in ns, and how often it ran.
	number, _, _ := bytes.Cut(text, []byte(" "))
	nanos, err := strconv.ParseInt(string(number), 10, 64)
	ran := time.Duration(nanos)
	runs := n.looked && ran-n.ran > step/2
	n.ran, n.looked = ran, true
	return err == nil && !runs
}
