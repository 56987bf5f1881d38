package redis

import (
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// Outage says what happens to requests while Redis is away, or while the past of a quota cannot be read that Redis has lost.
type Outage = limits.Outage

// The outage modes. OutageRefuse refuses with ErrAway.
const (
	OutageLocal  = limits.OutageLocal
	OutageAllow  = limits.OutageAllow
	OutageRefuse = limits.OutageRefuse
)

// Defaults and bounds of Settings.
const (
	DefaultTimeout = 50 * time.Millisecond
	MinTimeout     = time.Millisecond
	MaxTimeout     = 10 * time.Second
	MaxGateways    = 1 << 20
)

// Settings are what a configuration reload may change while counts, breaker and connections stay.
type Settings struct {
	// OnOutage is what happens while Redis is away; "": OutageLocal.
	OnOutage Outage
	// Timeout is how long a round trip may take before Redis counts as away for it, from MinTimeout to MaxTimeout;
	// 0: DefaultTimeout.
	Timeout time.Duration
	// MaxWorkspaces bounds the workspaces with a running window; 0: limits.DefaultMaxWorkspaces.
	MaxWorkspaces int
	// Gateways is among how many gateways OutageLocal divides what is left of a limit, at least 1; 0: 1.
	Gateways int64
}

// withDefaults fills in what was left out, or says what is wrong.
func (s Settings) withDefaults() (Settings, error) {
	if s.OnOutage == "" {
		s.OnOutage = OutageLocal
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if s.Gateways == 0 {
		s.Gateways = 1
	}
	if err := s.OnOutage.Check(); err != nil {
		return s, err
	}
	switch {
	case s.Timeout < MinTimeout || s.Timeout > MaxTimeout:
		return s, fmt.Errorf("timeout %s is out of range: write 1ms to 10s", s.Timeout)
	case s.MaxWorkspaces < 0 || s.MaxWorkspaces > limits.MostWorkspaces:
		return s, fmt.Errorf("max_workspaces %d is out of range: write 1 to %d", s.MaxWorkspaces, limits.MostWorkspaces)
	case s.Gateways < 1 || s.Gateways > MaxGateways:
		return s, fmt.Errorf("expected_gateways %d is out of range: write 1 or more", s.Gateways)
	}
	return s, nil
}

// Check says what is wrong with the settings.
func (s Settings) Check() error {
	_, err := s.withDefaults()
	return err
}
