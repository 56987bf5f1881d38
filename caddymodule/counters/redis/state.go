package redis

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
)

// counted is what an engine has done since it was made, for status.
type counted struct {
	calls, requests, errors atomic.Uint64

	mu   sync.Mutex
	away []gateway.Failure // the nodes whose circuit breaker is open
}

func (c *counted) called(requests int64, err error) {
	c.calls.Add(1)
	c.requests.Add(uint64(requests))
	if err != nil {
		c.errors.Add(1)
	}
}

// went notes that a node went away or came back; it has no name where there is one.
func (c *counted) went(node string, away bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = slices.DeleteFunc(c.away, func(f gateway.Failure) bool { return f.What == node })
	if !away {
		return
	}
	failure := gateway.Failure{What: node, Since: time.Now().Unix()}
	if err != nil {
		failure.Error = err.Error()
	}
	c.away = append(c.away, failure)
}

// failing are the nodes that are away, the one that is for longest first.
func (c *counted) failing() []gateway.Failure {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]gateway.Failure{}, c.away...)
}

// Shared is part of gateway.CounterTeller.
func (c *Counters) Shared() gateway.SharedCounters {
	counted := &c.hold.Value.counted
	return gateway.SharedCounters{
		Place: c.place, Away: counted.failing(), OnOutage: cmp.Or(c.OnOutage, string(redis.OutageLocal)),
		Calls: counted.calls.Load(), Requests: counted.requests.Load(), Errors: counted.errors.Load(),
	}
}
