package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

func init() { caddy.RegisterModule(new(MemoryCounters)) }

// CounterEngine is what a guest module in the namespace tollgate.counters gives. It can count from Provision on; Start
// launches what it runs in the background.
type CounterEngine interface {
	gate.Counters
	Start() error
}

// MemoryCounters counts in this process. The counts survive a reload of the configuration and end with the process.
type MemoryCounters struct {
	*limits.Memory `json:"-"`

	hold lease[*memoryState]
}

// memoryState is the pooled engine.
type memoryState struct{ engine *limits.Memory }

// Destruct ends the engine's sweeper.
func (s *memoryState) Destruct() error {
	s.engine.Stop()
	limitMeters.forget(s.engine)
	return nil
}

// CaddyModule returns the module's id.
func (*MemoryCounters) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.counters.memory", New: func() caddy.Module { return new(MemoryCounters) }}
}

// UnmarshalCaddyfile reads the engine's part of the global option. Syntax:
//
//	counters memory
func (m *MemoryCounters) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // memory
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(0) {
		return d.Errf("unknown option '%s': counting in memory has none", d.Val())
	}
	return nil
}

// Provision takes hold of the process's one engine.
func (m *MemoryCounters) Provision(caddy.Context) (err error) {
	m.hold, err = acquire("counters/memory", func() (*memoryState, error) {
		return &memoryState{limits.NewMemory(limits.MemoryOptions{})}, nil
	})
	if err == nil {
		m.Memory = m.hold.Value.engine
	}
	return err
}

// Start launches the sweeper, unless it runs.
func (m *MemoryCounters) Start() error {
	m.Memory.Start()
	limitMeters.follow(m.Memory)
	return nil
}

// Cleanup gives the engine back.
func (m *MemoryCounters) Cleanup() error { return m.hold.release() }

// Interface guards
var (
	_ CounterEngine         = (*MemoryCounters)(nil)
	_ caddy.Provisioner     = (*MemoryCounters)(nil)
	_ caddy.CleanerUpper    = (*MemoryCounters)(nil)
	_ caddyfile.Unmarshaler = (*MemoryCounters)(nil)
)
