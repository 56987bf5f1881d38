package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/build"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

// AdminPath begins the paths of Caddy's admin endpoint that are ours. Package dashboard serves them.
const AdminPath = "/tollgate/"

// State is how the gateway of a configuration does, for operators. It holds no secret. Times are in Unix seconds.
type State struct {
	// Version is that of Tollgate, and Build all that the program was built from.
	Version string      `json:"version"`
	Build   build.Build `json:"build"`
	// Now is the gateway's clock, Started when it began to count, and Loaded when this configuration was started.
	Now      int64               `json:"now"`
	Started  int64               `json:"started"`
	Loaded   int64               `json:"loaded"`
	Plans    map[string][]string `json:"plans"`
	Keys     KeysState           `json:"keys"`
	Counters CountersState       `json:"counters"`
	Policies PoliciesState       `json:"policies"`
	// Documents are the OpenAPI documents of sites.
	Documents []DocumentState `json:"documents"`
	// Secrets is null where the configuration has no folder of them.
	Secrets   *SecretsState  `json:"secrets"`
	Throttles ThrottlesState `json:"throttles"`
	// Usage is null where no ledger of what workspaces used is kept.
	Usage *UsageState `json:"usage"`
	// Warnings are what most likely is a mistake in the configuration.
	Warnings []string `json:"warnings"`
}

// KeysState is how the key store does.
type KeysState struct {
	// Kind is the word in the configuration, and Place where the store lies.
	Kind  string `json:"kind"`
	Place string `json:"place"`
	// StaleSeconds is how long known keys go on while the store is away.
	StaleSeconds float64             `json:"stale_seconds"`
	Cache        keystore.CacheState `json:"cache"`
	// Failing is what fails at present; none: the store can be reached.
	Failing []Failure `json:"failing"`
}

// CountersState is how the counters do.
type CountersState struct {
	// Engine is the word in the configuration.
	Engine string `json:"engine"`
	// Tracked is for how many workspaces a window runs here.
	Tracked int `json:"tracked"`
	// Verdicts are those about limits since the start, by where they came from.
	Verdicts map[string]uint64 `json:"verdicts"`
	// Shared is how the store does that gateways share; null: they share none.
	Shared *SharedCounters `json:"shared"`
}

// SharedCounters is how a store of counters does that gateways share.
type SharedCounters struct {
	// Place is where it is, without users and passwords.
	Place string `json:"place"`
	// Away is where a circuit breaker is open, since when and why; of a Cluster What names the node. None: all are closed.
	Away []Failure `json:"away"`
	// OnOutage is what happens while it is away: local, allow or refuse.
	OnOutage string `json:"on_outage"`
	// Calls are round trips, Requests those judged by them, and Errors the round trips that failed, since the start.
	Calls    uint64 `json:"calls"`
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
}

// PlaceOf names what is away: one node of the place, or all of it.
func (s *SharedCounters) PlaceOf(f Failure) string {
	if f.What == "" {
		return s.Place
	}
	return "node " + f.What + " of " + s.Place
}

// CounterTeller is a CounterEngine whose counters gateways share, and which can say how they do.
type CounterTeller interface{ Shared() SharedCounters }

// PoliciesState is how the policies do.
type PoliciesState struct {
	Generation uint64 `json:"generation"`
	Loaded     int64  `json:"loaded"`
	// Files are those of the site; Embedded is how many the gateway has of its own.
	Files    []string `json:"files"`
	Embedded int      `json:"embedded"`
	// Remembers says that decisions are remembered; else Why says what keeps them from it.
	Remembers bool   `json:"remembers"`
	Why       string `json:"why,omitempty"`
	// Evaluated and Remembered count decisions since the start.
	Evaluated  uint64   `json:"evaluated"`
	Remembered uint64   `json:"remembered"`
	Warnings   []string `json:"warnings"`
	// Failing is why the files as they are now were not taken; null: they were.
	Failing *Failure `json:"failing"`
}

// SecretsState is how the folder of secrets does.
type SecretsState struct {
	Workspaces int      `json:"workspaces"`
	Values     int      `json:"values"`
	Loaded     int64    `json:"loaded"`
	Warnings   []string `json:"warnings"`
	Failing    *Failure `json:"failing"`
}

// ThrottlesState are the windows of the throttles; "off": they count nothing.
type ThrottlesState struct {
	Auth     string `json:"auth"`
	Refusals string `json:"refusals"`
}

// State is the present state. It asks nobody, and no request waits for it.
func (a *App) State() *State {
	table, parts := a.status.Value.Table, build.Read()
	s := &State{
		Version: parts.String(), Build: parts, Now: time.Now().Unix(), Started: table.Began.Unix(), Loaded: a.notes.loaded.Load(),
		Plans: map[string][]string{}, Policies: a.policiesState(table),
		Keys: KeysState{
			Kind: guestName(a.store), Place: a.store.Place(), StaleSeconds: time.Duration(*a.StaleKeys).Seconds(),
			Cache: a.keys.Value.State(), Failing: a.keys.Value.health.list(),
		},
		Documents: a.documentStates(),
		Counters:  CountersState{Engine: guestName(a.counters), Verdicts: map[string]uint64{}},
		Usage:     a.usageState(),
		Throttles: ThrottlesState{throttleName(a.auth.Window), throttleName(a.refusals.Window)},
	}
	for name, plan := range a.planTable {
		s.Plans[name] = []string{}
		for _, w := range plan.Limits(&record.Workspace{}, nil) {
			s.Plans[name] = append(s.Plans[name], w.String())
		}
	}
	for i, source := range limits.Sources {
		s.Counters.Verdicts[source.String()] = table.Verdicts[i].Load()
	}
	if t, ok := a.counters.(interface{ Tracked() int }); ok {
		s.Counters.Tracked = t.Tracked()
	}
	if teller, ok := a.counters.(CounterTeller); ok {
		shared := teller.Shared()
		s.Counters.Shared = &shared
	}
	if a.secrets != nil {
		s.Secrets = &SecretsState{Loaded: a.notes.secrets.at.Load(), Warnings: append([]string{}, a.secrets.Warnings()...),
			Failing: a.notes.secrets.failed.first()}
		s.Secrets.Workspaces, s.Secrets.Values = a.secrets.Count()
	}
	a.notes.mu.Lock()
	s.Warnings = append([]string{}, a.notes.warnings...)
	a.notes.mu.Unlock()
	return s
}

func throttleName(w record.Window) string {
	if w.Limit == 0 {
		return "off"
	}
	return w.String()
}

func (a *App) policiesState(table *status.Table) PoliciesState {
	report := a.policyReport()
	s := PoliciesState{
		Generation: report.Generation, Loaded: a.notes.policies.at.Load(), Files: []string{}, Remembers: report.Remembered, Why: report.Why,
		Evaluated: table.Evaluated.Load(), Remembered: table.Remembered.Load(), Warnings: append([]string{}, report.Warnings...),
		Failing: a.notes.policies.failed.first(),
	}
	for _, file := range report.Files {
		if file.Embedded {
			s.Embedded++
			continue
		}
		s.Files = append(s.Files, file.Name)
	}
	return s
}

// policyReport is the report on the policies that decide now. It is made once a load: that takes a while.
func (a *App) policyReport() *policy.Report {
	loads := a.notes.policies.loads.Load()
	if known := a.notes.report.Load(); known != nil && known.loads == loads {
		return &known.Report
	}
	fresh := &policyReport{a.policies.Report(), loads}
	a.notes.report.Store(fresh)
	return &fresh.Report
}

type policyReport struct {
	policy.Report
	loads int64
}

// Seen is what the gateway remembers of the requests that it saw.
func (a *App) Seen() *status.Table { return a.status.Value.Table }

// Ended is closed when the configuration ends.
func (a *App) Ended() <-chan struct{} { return a.notes.done() }

// RouteState is one route of a site, and what was counted for it.
type RouteState struct {
	Methods []string `json:"methods"`
	Pattern string   `json:"pattern"`
	Scopes  []string `json:"scopes"`
	Cost    int64    `json:"cost"`
	Public  bool     `json:"public"`
	// Limit is how many requests one client address may send; it is there for public routes with one.
	Limit  record.Window `json:"limit,omitzero"`
	Whoami bool          `json:"whoami"`
	// Describes says that it tells callers what they may do.
	Describes bool `json:"describes,omitempty"`
	// Source is where it was written, and Site where its gate was.
	Source string `json:"source"`
	Site   string `json:"site"`
	status.RouteCounts
	// Deprecation is what callers are told, and who still calls; null: the route is not deprecated.
	Deprecation *DeprecationState `json:"deprecation"`
}

// DeprecationState is what callers of a route are told of its end, and who still calls it.
type DeprecationState struct {
	*route.Deprecation
	status.CallerCounts
}

// RouteStates are the routes of all sites, in the order of the configuration.
func (a *App) RouteStates() []RouteState {
	list := []RouteState{}
	for _, h := range a.sites {
		live := h.live.Load()
		for _, r := range live.table.Routes() {
			state := RouteState{
				Methods: r.Methods, Pattern: r.Pattern, Scopes: append([]string{}, r.Scopes...), Cost: r.Cost, Public: r.Public, Limit: r.Limit, Whoami: r.Whoami,
				Describes: r.Describes, Source: r.Source, Site: h.Source, RouteCounts: live.counts[r].Counts(),
			}
			if r.Deprecation != nil {
				state.Deprecation = &DeprecationState{r.Deprecation, live.counts[r].Callers()}
			}
			list = append(list, state)
		}
	}
	return list
}

// WindowsAnswer is what is left of a workspace's windows.
type WindowsAnswer struct {
	Store     string                `json:"store"`
	Workspace keysapi.WorkspaceView `json:"workspace"`
	Denied    bool                  `json:"denied"`
	// Local says that the gateway counts on its own because the shared store is away.
	Local   bool         `json:"local"`
	Now     int64        `json:"now"`
	Windows []WindowView `json:"windows"`
}

// WindowView is one window.
type WindowView struct {
	// Name is that of the limit headers: 1m, month, or key-1m.
	Name string `json:"name"`
	// Window is its form in the configuration, such as 60/1m or 100000/month.
	Window    string `json:"window"`
	Used      int64  `json:"used"`
	Remaining int64  `json:"remaining"`
	Reset     int64  `json:"reset"`
}

// ViewWindows shows the windows of a state; never nil.
func ViewWindows(state *limits.State) []WindowView {
	views := []WindowView{}
	for _, s := range state.Statuses() {
		views = append(views, WindowView{Name: s.Window.Name(), Window: s.Window.String(), Used: s.Used, Remaining: s.Remaining, Reset: s.Reset})
	}
	return views
}

// Admin is the key store in the hands of whoever asks about workspaces and keys.
func (a *App) Admin() (keystore.Admin, error) {
	admin, ok := a.keys.Value.Store().(keystore.Admin)
	if !ok {
		return nil, errors.New("key store " + a.store.Place() + " cannot be asked for workspaces")
	}
	return admin, nil
}

// Store is the key store itself, which the gateway keeps and closes.
func (a *App) Store() keystore.Store { return a.keys.Value.Store() }

// Windows asks the store for the workspace, and the counters for its windows; where a key is named, for those of the key as well. It
// spends nothing.
func (a *App) Windows(ctx context.Context, id, key string) (WindowsAnswer, error) {
	answer := WindowsAnswer{Store: a.store.Place(), Windows: []WindowView{}}
	admin, err := a.Admin()
	if err != nil {
		return answer, err
	}
	workspace, err := admin.Workspace(ctx, id)
	if err != nil {
		return answer, err
	}
	var own *record.Key
	if key != "" {
		found, err := admin.Key(ctx, key)
		if err == nil && found.Workspace != id {
			err = &keystore.Problem{Kind: keystore.ErrNotFound, Text: fmt.Sprintf("workspace %s has no key '%s'", id, key)}
		}
		if err != nil {
			return answer, err
		}
		own = &found.Key
	}
	answer.Workspace = keysapi.NewWorkspaceView(workspace)
	plan := a.planTable.Of(workspace.Plan)
	var state limits.State
	if answer.Denied = plan.Denied; !plan.Denied {
		if state, err = a.counters.Peek(ctx, id, plan.Limits(workspace, own)); err != nil {
			return answer, err
		}
	}
	answer.Local, answer.Now, answer.Windows = state.Local, state.Now, ViewWindows(&state)
	return answer, nil
}

// LastWindows is how the windows of a workspace were last seen here, and the plan it is on. It asks nobody; ok is false where
// none of the workspace's keys was looked up lately.
func (a *App) LastWindows(id string) (plan *record.Plan, state limits.State, ok bool) {
	workspace := a.keys.Value.Workspace(id)
	if workspace == nil {
		return nil, state, false
	}
	if plan = a.planTable.Of(workspace.Plan); !plan.Denied {
		state = a.counters.Last(id, plan.Limits(workspace, nil))
	}
	return plan, state, true
}
