package hop

import (
	"slices"
	"sync"
	"time"
)

// lookEvery is how often idle connections are looked at, so that those that the backend closed do not stay until they are too old.
const lookEvery = 5 * time.Second

// pool holds the idle connections, the last used of a host on top. Its timer runs only while it holds any.
type pool struct {
	most, mostOfHost int
	timeout          time.Duration

	mu     sync.Mutex
	hosts  map[string][]*connection
	count  int
	timer  *time.Timer
	closed bool
}

// take gives an idle connection of a host that the backend has neither closed nor written to, or nil.
func (p *pool) take(host string) *connection {
	for {
		c := p.pop(host)
		if c == nil {
			return nil
		}
		if !p.old(c, time.Now()) && c.socket.quiet() {
			return c
		}
		_ = c.conn.Close()
	}
}

func (p *pool) pop(host string) *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.hosts[host]
	if len(of) == 0 {
		return nil
	}
	last := len(of) - 1
	c := of[last]
	of[last] = nil
	p.hosts[host] = of[:last]
	p.count--
	return c
}

func (p *pool) old(c *connection, now time.Time) bool {
	return p.timeout > 0 && now.Sub(c.idleFrom) >= p.timeout
}

// put keeps a connection, or closes it if its host has enough. Where all hosts have enough together, the oldest one goes.
func (p *pool) put(c *connection) {
	c.idleFrom = time.Now()
	p.mu.Lock()
	of := p.hosts[c.host]
	if p.closed || len(of) >= p.mostOfHost {
		p.mu.Unlock()
		_ = c.conn.Close()
		return
	}
	if p.most > 0 && p.count >= p.most {
		p.dropOldest()
		of = p.hosts[c.host]
	}
	if p.hosts == nil {
		p.hosts = make(map[string][]*connection)
	}
	p.hosts[c.host] = append(of, c)
	p.count++
	if p.timer == nil {
		p.timer = time.AfterFunc(p.period(), p.sweep)
	}
	p.mu.Unlock()
}

// dropOldest closes the connection that has been idle for the longest time. Those of a host are in the order in which they came.
func (p *pool) dropOldest() {
	var oldest *connection
	for _, of := range p.hosts {
		if len(of) > 0 && (oldest == nil || of[0].idleFrom.Before(oldest.idleFrom)) {
			oldest = of[0]
		}
	}
	if oldest != nil {
		p.hosts[oldest.host] = slices.Delete(p.hosts[oldest.host], 0, 1)
		p.count--
		_ = oldest.conn.Close()
	}
}

func (p *pool) period() time.Duration {
	if p.timeout > 0 && p.timeout < lookEvery {
		return p.timeout
	}
	return lookEvery
}

// sweep closes what is old and what the backend has closed, and comes back while anything is left.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	now := time.Now()
	for host, of := range p.hosts {
		kept := of[:0]
		for _, c := range of {
			if p.old(c, now) || !c.socket.quiet() {
				_ = c.conn.Close()
				p.count--
				continue
			}
			kept = append(kept, c)
		}
		clear(of[len(kept):])
		p.hosts[host] = kept
		if len(kept) == 0 {
			delete(p.hosts, host)
		}
	}
	if p.count > 0 {
		p.timer = time.AfterFunc(p.period(), p.sweep)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, of := range p.hosts {
		for _, c := range of {
			_ = c.conn.Close()
		}
	}
	p.hosts, p.count = nil, 0
}

func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
