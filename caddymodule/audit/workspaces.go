package audit

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// workspaces gathers what is to be said of workspaces. It keeps counts and the first ids, however many there are.
type workspaces struct {
	*auditor
	count   int
	used    map[string]int // workspaces by plan, those of the configuration
	unknown map[string]*group
	poor    group // those whose own limits are below the highest cost
	dearest *Route
	lacking map[need]*group
}

// need is a value of the secrets folder that a gate's inject asks for.
type need struct{ place, header, name string }

func newWorkspaces(a *auditor) *workspaces {
	w := &workspaces{auditor: a, used: map[string]int{}, unknown: map[string]*group{}, lacking: map[need]*group{}}
	for n := range a.Gates {
		for m := range a.Gates[n].Routes {
			if r := &a.Gates[n].Routes[m]; w.dearest == nil || r.Cost > w.dearest.Cost {
				w.dearest = r
			}
		}
		for _, i := range a.Gates[n].Injects {
			for _, name := range i.Secrets {
				w.lacking[need{i.Place, i.Header, name}] = &group{}
			}
		}
	}
	return w
}

func (w *workspaces) see(ws *record.Workspace) {
	w.count++
	plan := w.Known.Of(ws.Plan)
	if plan.Unknown {
		if w.unknown[ws.Plan] == nil {
			w.unknown[ws.Plan] = &group{}
		}
		w.unknown[ws.Plan].add(ws.ID)
		return
	}
	held := 1
	if !plan.Denied && len(ws.Limits) > 0 {
		held = 0 // it is on the plan, whose windows do not hold for it
	}
	w.used[ws.Plan] += held
	if own := (&record.Plan{OverQuota: plan.OverQuota}).Limits(ws, nil); !plan.Denied && w.dearest != nil && w.dearest.Cost > lowestLimit(own) {
		w.poor.add(fmt.Sprintf("%s (%d)", ws.ID, lowestLimit(own)))
	}
	if plan.Denied || ws.Suspended() || w.Secrets == nil {
		return
	}
	for need, lacking := range w.lacking {
		if !w.Secrets(ws.ID, need.name) {
			lacking.add(ws.ID)
		}
	}
}

// tell makes the findings.
func (w *workspaces) tell() {
	for _, name := range slices.Sorted(maps.Keys(w.unknown)) {
		g := w.unknown[name]
		w.findGroup("plan-unknown", storePlace, fmt.Sprintf("plan %s of %s is not configured", name, several(g.count, "workspace")), g)
	}
	if w.poor.count > 0 {
		w.findGroup("cost-above-limit", w.dearest.Place, fmt.Sprintf("cost %d of route %s is above the own limits of %s",
			w.dearest.Cost, w.dearest.Pattern, several(w.poor.count, "workspace")), &w.poor)
	}
	needs := slices.SortedFunc(maps.Keys(w.lacking), func(x, y need) int { return slices.Compare([]string{x.place, x.name}, []string{y.place, y.name}) })
	for _, n := range needs {
		if g := w.lacking[n]; g.count > 0 {
			w.findGroup("inject-secret-missing", n.place, fmt.Sprintf("inject %s needs the secret %s: %s without it", n.header, n.name, several(g.count, "workspace")), g)
		}
	}
	if w.count == 0 {
		w.costs(nil)
		w.skip("the key store holds no workspaces", "plan-unused")
		return
	}
	w.costs(w.used)
	for _, p := range w.Plans {
		if _, used := w.used[p.Name]; !used && !p.Denied {
			w.find("plan-unused", p.Place, "no workspace is on plan "+p.Name)
		}
	}
}

// plansAtStake are the plans whose limits count.
func (a *auditor) plansAtStake(used map[string]int) (names []string) {
	for name, plan := range a.Known {
		n, written := used[name], slices.ContainsFunc(a.Plans, func(p Plan) bool { return p.Name == name && !p.Denied })
		anyWritten := slices.ContainsFunc(a.Plans, func(p Plan) bool { return !p.Denied })
		if !plan.Denied && len(plan.Windows) > 0 && (n > 0 || used == nil && (written || !anyWritten)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// lowestLimit is the most that one request can ever take from all of the windows, those aside that refuse nothing.
func lowestLimit(windows []record.Window) int64 {
	lowest := int64(math.MaxInt64)
	for _, w := range windows {
		if !w.Over {
			lowest = min(lowest, w.Limit)
		}
	}
	return lowest
}
