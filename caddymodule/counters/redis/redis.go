package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/counters/internal/counters"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
)

func init() { caddy.RegisterModule(new(Counters)) }

// Counters counts in a Redis that any number of gateways share. Counts, connections and the circuit breaker survive
// a reload of the configuration; a Redis that is down is no reason not to start.
type Counters struct {
	// URL is redis://, rediss:// (TLS), or one of the Cluster and Sentinel forms. It may be a placeholder such as
	// {env.REDIS_URL}, so that no password lies in the configuration.
	URL string `json:"url"`
	// OnOutage is what happens while Redis is away: local, allow or refuse. Default: local.
	OnOutage string `json:"on_outage,omitempty"`
	// Timeout bounds a round trip. Default: 50ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// Prefix begins the names of all keys in Redis. Default: tollgate.
	Prefix string `json:"prefix,omitempty"`
	// ExpectedGateways is among how many gateways "local" divides what is left of a limit. Default: 1.
	ExpectedGateways int64 `json:"expected_gateways,omitempty"`
	// MaxWorkspaces bounds for how many workspaces with a running window this gateway counts. Others get 503. Default:
	// 1048576.
	MaxWorkspaces int `json:"max_workspaces,omitempty"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`

	gate.Counters `json:"-"`
	hold          pool.Lease[*redisState]
	leave         func() // takes this configuration's settings out of the engine; nil: they were not put in
	past          limits.Past
	logger        *zap.Logger
	place, plain  string
}

// redisState is the pooled engine with its observer.
type redisState struct {
	engine   *redis.Engine
	settings *pool.Settings[redisSettings]
	log      pool.Logger
	changes  sync.Map     // of *lines.Changes, by node
	said     atomic.Int64 // when the log last told of a failed call, in Unix seconds
	counted  counted
}

// redisSettings are what a configuration says of an engine.
type redisSettings struct {
	redis.Settings
	past   limits.Past
	logger *zap.Logger
}

// enforce puts a configuration's settings in force.
func (s *redisState) enforce(settings redisSettings) error {
	s.log.Store(settings.logger)
	s.engine.SetPast(settings.past)
	return s.engine.Set(settings.Settings)
}

// Destruct ends the engine's sweeper and its connections.
func (s *redisState) Destruct() error {
	s.engine.Stop()
	return s.engine.Close()
}

// Called is part of redis.Observer.
func (s *redisState) Called(requests int64, took time.Duration, err error) {
	redisMeters.called(requests, took, err)
	s.counted.called(requests, err)
	if err == nil {
		return
	}
	// Failures that alternate with successes never open the breaker: they are worth a line, once a minute.
	now, last := time.Now().Unix(), s.said.Load()
	if logger := s.log.Load(); logger != nil && now-last >= 60 && s.said.CompareAndSwap(last, now) {
		logger.Warn("a call to redis failed", zap.Error(err), zap.String("do", outageAdvice))
	}
}

// Away is part of redis.Observer: one line when Redis goes, one when it is back.
func (s *redisState) Away(node string, away bool, err error) {
	s.counted.went(node, away, err)
	changes, _ := s.changes.LoadOrStore(node, new(lines.Changes))
	changes.(*lines.Changes).Say(func(leftOut int) {
		logger := s.log.Load()
		if logger == nil {
			return
		}
		if node != "" {
			logger = logger.With(zap.String("node", node))
		}
		if away {
			logger.Error("redis is away: on_outage decides", zap.Error(err), zap.String("do", outageAdvice), lines.LeftOut(leftOut))
		} else {
			logger.Info("redis is back", lines.LeftOut(leftOut))
		}
	})
}

const outageAdvice = "see that redis runs, can be reached and written; it is asked again by itself, and nothing needs a restart"

// Full is part of redis.Observer.
func (s *redisState) Full(maxWorkspaces int64) { counters.Full(s.log.Load(), maxWorkspaces) }

// CaddyModule returns the module's id.
func (*Counters) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.counters.redis", New: func() caddy.Module { return new(Counters) }}
}

// UnmarshalCaddyfile reads the engine's part of the global option. Syntax:
//
//	counters redis <url> {
//		on_outage         local | allow | refuse
//		timeout           <duration>
//		prefix            <prefix>
//		expected_gateways <number>
//		max_workspaces    <number>
//	}
func (c *Counters) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // redis
	c.Source = dispenser.Source(d)
	if !d.Args(&c.URL) || d.NextArg() {
		return errors.New("write one URL, such as: counters redis redis://localhost:6379/0")
	}
	if !dispenser.IsLater(c.URL) {
		if _, err := redis.ParseBackend(c.URL, c.prefix()); err != nil {
			return err
		}
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		if seen[word] {
			return d.Errf("'%s' is given twice: keep one of them", word)
		}
		seen[word] = true
		if err := c.parseOption(d, word); err != nil {
			return dispenser.Located(d, "counters: "+word, err)
		}
	}
	return nil
}

func (c *Counters) parseOption(d *caddyfile.Dispenser, word string) (err error) {
	var value string
	switch word {
	case "on_outage", "prefix", "expected_gateways", "max_workspaces":
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
	}
	switch word {
	case "on_outage":
		c.OnOutage = value
	case "timeout":
		c.Timeout, err = dispenser.Duration(d)
		if err == nil && c.Timeout == 0 {
			return errors.New("the time must be from 1ms to 10s")
		}
	case "prefix":
		c.Prefix = value
		_, err = redis.ParseBackend("redis://localhost", value)
	case "expected_gateways":
		c.ExpectedGateways, err = strconv.ParseInt(value, 10, 64)
		if err != nil || c.ExpectedGateways < 1 {
			return fmt.Errorf("'%s' is not a whole number of at least 1", value)
		}
	case "max_workspaces":
		c.MaxWorkspaces, err = counters.MaxWorkspaces(value)
	default:
		return fmt.Errorf("unknown option '%s': write on_outage, timeout, prefix, expected_gateways or max_workspaces", word)
	}
	if err != nil {
		return err
	}
	return c.settings().Check()
}

func (c *Counters) settings() redis.Settings {
	return redis.Settings{OnOutage: redis.Outage(c.OnOutage), Timeout: time.Duration(c.Timeout), Gateways: c.ExpectedGateways, MaxWorkspaces: c.MaxWorkspaces}
}

func (c *Counters) prefix() string {
	if c.Prefix == "" {
		return "tollgate"
	}
	return c.Prefix
}

// Provision takes hold of the engine for this Redis. It connects to nothing.
func (c *Counters) Provision(ctx caddy.Context) error {
	c.logger = ctx.Logger()
	if err := c.settings().Check(); err != nil {
		return fmt.Errorf("%s: counters: %w", c.Source, err)
	}
	url, err := dispenser.Address(c.logger, c.URL)
	if err != nil {
		return fmt.Errorf("%s: counters: reading the URL of redis: %w", c.Source, err)
	}
	backend, err := redis.ParseBackend(url, c.prefix())
	if err != nil {
		return fmt.Errorf("%s: counters: %w", c.Source, err)
	}
	c.hold, err = pool.Acquire("counters/"+backend.Identity(), func() (*redisState, error) {
		state := new(redisState)
		state.settings = pool.NewSettings(state.enforce)
		state.engine, err = redis.New(backend, c.settings(), redis.Options{Observer: state})
		return state, err
	})
	if err != nil {
		return err
	}
	engine := c.hold.Value.engine
	c.Counters, c.place, c.plain = engine, backend.Place(), backend.PlainHost()
	return pool.Register(ctx.GetMetricsRegistry(), redisMeters.collectors(engine, backend.Cluster())...)
}

// SetPast says who knows what was used of a quota that Redis does not know.
func (c *Counters) SetPast(past limits.Past) {
	c.past = past
	c.hold.Value.engine.FirstPast(past)
}

// Start puts the settings of this configuration in force and asks Redis once, to say at once in the log what is wrong
// with it: an outage now is an outage like any other.
func (c *Counters) Start() error {
	state := c.hold.Value
	err := state.engine.Check(context.Background())
	if errors.Is(err, redis.ErrMisconfigured) {
		return fmt.Errorf("%s: counters: %w", c.Source, err)
	}
	if err != nil {
		c.logger.Warn("redis does not answer yet: on_outage decides until it does", zap.Error(err), zap.String("do", outageAdvice))
	}
	state.engine.Start()
	c.leave, err = state.settings.Enter(redisSettings{c.settings(), c.past, c.logger})
	return err
}

// Ping asks whether Redis answers, and spends nothing.
func (c *Counters) Ping(ctx context.Context) error { return c.hold.Value.engine.Ping(ctx) }

// Tracked is for how many workspaces a window runs in this gateway's memory.
func (c *Counters) Tracked() int { return c.hold.Value.engine.Tracked() }

// PlainHost is a host that is spoken to without TLS.
func (c *Counters) PlainHost() string { return c.plain }

// Cleanup gives the engine back.
func (c *Counters) Cleanup() error {
	if c.leave != nil {
		c.leave()
	}
	return c.hold.Release()
}

// Interface guards
var (
	_ gateway.CounterEngine = (*Counters)(nil)
	_ gateway.CounterTeller = (*Counters)(nil)
	_ gateway.Remote        = (*Counters)(nil)
	_ redis.Observer        = (*redisState)(nil)
	_ caddy.Provisioner     = (*Counters)(nil)
	_ caddy.CleanerUpper    = (*Counters)(nil)
	_ caddyfile.Unmarshaler = (*Counters)(nil)
)
