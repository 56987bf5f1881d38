package memory

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

func init() { caddy.RegisterModule(new(Counters)) }

// MemoryCounters counts in this process. The counts survive a reload of the configuration and end with the process.
type Counters struct {
	*limits.Memory `json:"-"`

	hold pool.Lease[*memoryState]
}

// memoryState is the pooled engine.
type memoryState struct{ engine *limits.Memory }

// Destruct ends the engine's sweeper.
func (s *memoryState) Destruct() error {
	s.engine.Stop()
	return nil
}

// CaddyModule returns the module's id.
func (*Counters) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.counters.memory", New: func() caddy.Module { return new(Counters) }}
}

// UnmarshalCaddyfile reads the engine's part of the global option. Syntax:
//
//	counters memory
func (m *Counters) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
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
func (m *Counters) Provision(caddy.Context) (err error) {
	m.hold, err = pool.Acquire("counters/memory", func() (*memoryState, error) {
		return &memoryState{limits.NewMemory(limits.MemoryOptions{})}, nil
	})
	if err == nil {
		m.Memory = m.hold.Value.engine
	}
	return err
}

// Start launches the sweeper, unless it runs.
func (m *Counters) Start() error {
	m.Memory.Start()
	return nil
}

// Cleanup gives the engine back.
func (m *Counters) Cleanup() error { return m.hold.Release() }

// Interface guards
var (
	_ gateway.CounterEngine = (*Counters)(nil)
	_ caddy.Provisioner     = (*Counters)(nil)
	_ caddy.CleanerUpper    = (*Counters)(nil)
	_ caddyfile.Unmarshaler = (*Counters)(nil)
)
