package memory

import (
	"errors"
	"fmt"

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

	// OnOutage is what happens to requests with a quota while it cannot be read what was used of it before this process began:
	// local counts what this process granted, allow lets them through, refuse answers 503. Default: local.
	OnOutage limits.Outage `json:"on_outage,omitempty"`

	*limits.Memory `json:"-"`
	past           limits.Past
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
	outage        limits.Outage
	past          limits.Past
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
	s.engine.SetOutage(settings.outage)
	s.engine.SetPast(settings.past)
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
//		on_outage      local | allow | refuse
//	}
func (m *Counters) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // memory
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word, value := d.Val(), ""
		if seen[word] {
			return d.Errf("'%s' is given twice: keep one of them", word)
		}
		seen[word] = true
		if word != "max_workspaces" && word != "on_outage" {
			return d.Errf("unknown option '%s': write max_workspaces or on_outage", word)
		}
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		var err error
		if word == "on_outage" {
			m.OnOutage = limits.Outage(value)
			err = m.OnOutage.Check()
		} else {
			m.MaxWorkspaces, err = counters.MaxWorkspaces(value)
		}
		if err != nil {
			return dispenser.Located(d, "counters: "+word, err)
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
	if err := m.OnOutage.Check(); err != nil {
		return fmt.Errorf("counters: %w", err)
	}
	m.hold, err = pool.Acquire("counters/memory", newState)
	if err == nil {
		m.Memory = m.hold.Value.engine
	}
	return err
}

// SetPast says who knows what was used of a quota before this process began.
func (m *Counters) SetPast(past limits.Past) {
	m.past = past
	m.hold.Value.engine.FirstPast(past)
}

// Start launches the sweeper, unless it runs, and puts the settings of this configuration in force.
func (m *Counters) Start() (err error) {
	m.Memory.Start()
	m.leave, err = m.hold.Value.settings.Enter(memorySettings{m.MaxWorkspaces, m.OnOutage, m.past, m.logger})
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
