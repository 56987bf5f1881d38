package record

import (
	"maps"
	"time"
)

// Plan is what a workspace has bought: one or more windows, or denied.
type Plan struct {
	// Name identifies the plan in configuration, policy input and metrics.
	Name string
	// Denied plans may not use the API at all; nothing lifts it, a workspace's own limits neither.
	Denied bool
	// Unknown marks the stand-in for a plan that nobody configured. It is denied.
	Unknown bool
	// Windows are the plan's limits, in the order written; the first gives the X-RateLimit headers.
	Windows []Window
}

// Plans are the configured plans by name.
type Plans map[string]*Plan

// DefaultPlans are the plans that hold where the configuration says nothing else.
func DefaultPlans() Plans {
	minute := func(name string, limit int64) *Plan {
		return &Plan{Name: name, Windows: []Window{{Limit: limit, Duration: time.Minute}}}
	}
	denied := func(name string) *Plan { return &Plan{Name: name, Denied: true} }
	return Plans{
		"starter":    minute("starter", 60),
		"pro":        minute("pro", 200),
		"enterprise": minute("enterprise", 600),
		"custom":     minute("custom", 200),
		"trial":      denied("trial"),
		"free":       denied("free"),
	}
}

// With gives the plans with those of own in place of the defaults of the same name.
func (p Plans) With(own []*Plan) Plans {
	all := maps.Clone(p)
	for _, plan := range own {
		all[plan.Name] = plan
	}
	return all
}

// Of is the plan of a workspace. A plan that nobody configured is denied and marked Unknown.
func (p Plans) Of(name string) *Plan {
	if plan := p[name]; plan != nil {
		return plan
	}
	return &Plan{Name: name, Denied: true, Unknown: true}
}

// Limits are the windows that hold for a workspace on this plan: the workspace's own where it has any, else the
// plan's. They never lift Denied: the caller asks that first.
func (p *Plan) Limits(w *Workspace) []Window {
	if len(w.Limits) > 0 {
		return w.Limits
	}
	return p.Windows
}
