package redis

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
)

// counted is what an engine has done since it was made, for status.
type counted struct {
	calls, requests, errors atomic.Uint64
	away                    atomic.Pointer[gateway.Failure] // nil: the circuit breaker is closed
}

func (c *counted) called(requests int64, err error) {
	c.calls.Add(1)
	c.requests.Add(uint64(requests))
	if err != nil {
		c.errors.Add(1)
	}
}

func (c *counted) went(away bool, err error) {
	if !away {
		c.away.Store(nil)
		return
	}
	failure := &gateway.Failure{What: "redis", Since: time.Now().Unix()}
	if err != nil {
		failure.Error = err.Error()
	}
	c.away.Store(failure)
}

// Shared is part of gateway.CounterTeller.
func (c *Counters) Shared() gateway.SharedCounters {
	counted := &c.hold.Value.counted
	return gateway.SharedCounters{
		Place: c.place, Away: counted.away.Load(), OnOutage: cmp.Or(c.OnOutage, string(redis.OutageLocal)),
		Calls: counted.calls.Load(), Requests: counted.requests.Load(), Errors: counted.errors.Load(),
	}
}
