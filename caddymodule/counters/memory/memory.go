package memory

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/counters/internal/counters"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

func init() { caddy.RegisterModule(new(Counters)) }

// Counters counts in this process. The counts survive a reload of the configuration and end with the process.
type Counters struct {
	// MaxWorkspaces bounds for how many workspaces with a running window this gateway counts. Others get 503. Default:
	// 1048576.
	MaxWorkspaces int `json:"max_workspaces,omitempty"`

	*limits.Memory `json:"-"`
	hold           pool.Lease[*memoryState]
	leave          func() // takes this configuration's settings out of the engine; nil: they were not put in
	logger         *zap.Logger
}

// memoryState is the pooled engine.
type memoryState struct {
	engine   *limits.Memory
	settings *pool.Settings[memorySettings]
	log      pool.Logger
}

// memorySettings are what a configuration says of an engine.
type memorySettings struct {
	maxWorkspaces int
	logger        *zap.Logger
}

func newState() (*memoryState, error) {
	s := new(memoryState)
	s.settings = pool.NewSettings(s.enforce)
	s.engine = limits.NewMemory(limits.MemoryOptions{Full: s.full})
	return s, nil
}

// enforce puts a configuration's settings in force.
func (s *memoryState) enforce(settings memorySettings) error {
	s.log.Store(settings.logger)
	s.engine.SetMaxWorkspaces(settings.maxWorkspaces)
	return nil
}

func (s *memoryState) full(maxWorkspaces int64) { counters.Full(s.log.Load(), maxWorkspaces) }

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
//	counters memory {
//		max_workspaces <number>
//	}
func (m *Counters) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // memory
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var value string
		switch {
		case d.Val() != "max_workspaces":
			return d.Errf("unknown option '%s': write max_workspaces", d.Val())
		case m.MaxWorkspaces != 0:
			return d.Err("'max_workspaces' is given twice: keep one of them")
		case !d.Args(&value) || d.NextArg():
			return d.ArgErr()
		}
		var err error
		if m.MaxWorkspaces, err = counters.MaxWorkspaces(value); err != nil {
			return dispenser.Located(d, "counters: max_workspaces", err)
		}
	}
	return nil
}

// Provision takes hold of the process's one engine.
func (m *Counters) Provision(ctx caddy.Context) (err error) {
	m.logger = ctx.Logger()
	if m.MaxWorkspaces < 0 || m.MaxWorkspaces > limits.MostWorkspaces {
		return errors.New("counters: max_workspaces is out of range: write 1 to 100000000")
	}
	m.hold, err = pool.Acquire("counters/memory", newState)
	if err == nil {
		m.Memory = m.hold.Value.engine
	}
	return err
}

// Start launches the sweeper, unless it runs, and puts the settings of this configuration in force.
func (m *Counters) Start() (err error) {
	m.Memory.Start()
	m.leave, err = m.hold.Value.settings.Enter(memorySettings{m.MaxWorkspaces, m.logger})
	return err
}

// Cleanup gives the engine back.
func (m *Counters) Cleanup() error {
	if m.leave != nil {
		m.leave()
	}
	return m.hold.Release()
}

// Interface guards
var (
	_ gateway.CounterEngine = (*Counters)(nil)
	_ caddy.Provisioner     = (*Counters)(nil)
	_ caddy.CleanerUpper    = (*Counters)(nil)
	_ caddyfile.Unmarshaler = (*Counters)(nil)
)
