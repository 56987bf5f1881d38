package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Audit looks at the facts by every rule. The error says that ctx ended.
func Audit(ctx context.Context, facts *Facts) (*Report, error) {
	a := &auditor{Facts: facts, report: Report{Config: facts.Config, Findings: []Finding{}, Skipped: append([]Skipped{}, facts.Skipped...)}}
	a.report.Store = StoreReport{Place: facts.Store.Place, Why: facts.Store.Why}
	a.configuration()
	err := a.store()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		a.report.Store.Why = err.Error()
	}
	a.report.Store.Read = a.report.Store.Why == ""
	if !a.report.Store.Read {
		var names []string
		for _, r := range rules {
			if r.store {
				names = append(names, r.Name)
			}
		}
		a.skip(a.report.Store.Why, names...)
	}
	a.sorted()
	return &a.report, nil
}

// unusedFor is how long an active key is not used until it is told.
const unusedFor = 90 * 24 * time.Hour

// storePlace is the place of findings about the key store: the report says where that is.
const storePlace = "key store"

// store looks at workspaces and keys. What it found in a store that then failed is left out: half of it would mislead.
func (a *auditor) store() error {
	if a.Store.Keys == nil {
		a.costs(nil)
		return nil
	}
	w, k := newWorkspaces(a), newKeys(a)
	for workspace, err := range a.Store.Workspaces {
		if err != nil {
			a.costs(nil)
			return fmt.Errorf("reading workspaces: %w", err)
		}
		w.see(workspace)
	}
	for key, err := range a.Store.Keys {
		if err != nil {
			a.costs(nil)
			return fmt.Errorf("reading keys: %w", err)
		}
		k.see(key)
	}
	a.report.Store.Workspaces, a.report.Store.Keys = w.count, k.count
	w.tell()
	k.tell()
	return nil
}

// costs compares the routes' costs with the limits of the plans: those that workspaces are on, or, where that is not known,
// those that the configuration writes, or, where it writes none, the default ones.
func (a *auditor) costs(used map[string]int) {
	for _, g := range a.Gates {
		for _, r := range g.Routes {
			var above, near group
			for _, name := range a.plansAtStake(used) {
				switch lowest := lowestLimit(a.Known[name].Limits(&record.Workspace{}, nil)); {
				case r.Cost > lowest:
					above.add(fmt.Sprintf("%s (%d)", name, lowest))
				case r.Cost > 1 && r.Cost > lowest/2:
					near.add(fmt.Sprintf("%s (%d)", name, lowest))
				}
			}
			if above.count > 0 {
				a.findGroup("cost-above-limit", r.Place, fmt.Sprintf("cost %d of route %s is above the lowest limit of %s", r.Cost, r.Pattern, several(above.count, "plan")), &above)
			}
			if near.count > 0 {
				a.findGroup("cost-near-limit", r.Place, fmt.Sprintf("cost %d of route %s is above half the lowest limit of %s", r.Cost, r.Pattern, several(near.count, "plan")), &near)
			}
		}
	}
}
