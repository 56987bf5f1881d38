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
	// Quotas are what the plan admits in calendar periods, besides.
	Quotas []Quota
	// OverQuota lets requests through past a quota, and counts them.
	OverQuota bool
	// Warn is at how many per cent of a quota, 1 to 99, operators and callers are warned; 0: they are not.
	Warn int64
	// Concurrent is how many requests of a workspace may be under way on one gateway; 0: any number.
	Concurrent int64
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

// Limits are the windows that hold for a key of a workspace on this plan, in the order of the limit headers: the workspace's
// own where it has any, else the plan's; the quotas, likewise; and the key's own. They never lift Denied: the caller asks
// that first. A nil key has no windows of its own. The slice must not be changed.
func (p *Plan) Limits(w *Workspace, k *Key) []Window {
	windows, quotas := p.Windows, p.Quotas
	if len(w.Limits) > 0 {
		windows = w.Limits
	}
	if len(w.Quotas) > 0 {
		quotas = w.Quotas
	}
	if len(quotas) == 0 && (k == nil || len(k.Limits) == 0) {
		return windows
	}
	all := make([]Window, len(windows), len(windows)+MaxQuotas+MaxKeyWindows)
	copy(all, windows)
	for _, q := range quotas {
		all = append(all, q.Window(p.OverQuota))
	}
	if k != nil {
		for _, window := range k.Limits {
			window.Key = k.ID
			all = append(all, window)
		}
	}
	return all
}

// Warned reports whether so much of a quota was used that the plan warns.
func (p *Plan) Warned(quota *Window, used int64) bool {
	return p.Warn > 0 && quota.Period != 0 && used >= (quota.Limit*p.Warn+99)/100
}
