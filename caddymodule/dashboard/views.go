package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

const (
	// hour is over how many minutes traffic is shown.
	hour = 60
	// lately is over how many minutes a backend is judged by its errors.
	lately = 5
	// refreshEvery is how often the workspaces are put in order, however often they are asked for.
	refreshEvery = 2 * time.Second
	// Bounds and defaults of how much is shown.
	defaultWorkspaces, maxWorkspaces = 20, 100
	defaultRefusals, maxRefusals     = 100, 500
	ownRefusals, ownKeys             = 50, 100
)

func parseQuery(raw string) (url.Values, error) { return url.ParseQuery(raw) }

// statusView is the state with what is wrong in it.
type statusView struct {
	*gateway.State
	Problems []Problem `json:"problems"`
	// Refusals is how many there were since the start.
	Refusals uint64 `json:"refusals"`
}

func newStatus(app *gateway.App) *statusView {
	state, seen := app.State(), app.Seen()
	recent := seen.Hour.Traffic(lately)
	return &statusView{state, problems(state, &recent), seen.Refusals.Total()}
}

// workspaceView is a workspace with what was counted for it, and its windows as they were last seen.
type workspaceView struct {
	status.Workspace
	// Plan is empty, and Windows are null, where none of the workspace's keys was looked up lately.
	Plan    string               `json:"plan"`
	Denied  bool                 `json:"denied"`
	Local   bool                 `json:"local"`
	Windows []gateway.WindowView `json:"windows"`
}

// workspacesView are the workspaces of the last half hour to hour.
type workspacesView struct {
	// Since is from when on requests are counted, in Unix seconds, and Counted for how many workspaces there were any.
	Since       int64           `json:"since"`
	Now         int64           `json:"now"`
	Counted     int             `json:"counted"`
	Busiest     []workspaceView `json:"busiest"`
	MostRefused []workspaceView `json:"most_refused"`
}

// busiest keeps the order of the workspaces for a moment: with 100,000 of them it takes some milliseconds to find.
type busiest struct {
	mu      sync.Mutex
	at      time.Time
	of      *status.Table
	most    []status.Workspace
	refused []status.Workspace
	counted int
}

func (b *busiest) list(seen *status.Table, n int) (most, refused []status.Workspace, counted int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of != seen || time.Since(b.at) > refreshEvery {
		b.most, b.refused, b.counted = seen.Workspaces.Busiest(maxWorkspaces)
		b.of, b.at = seen, time.Now()
	}
	return b.most[:min(n, len(b.most))], b.refused[:min(n, len(b.refused))], b.counted
}

func (a *Admin) workspaces(app *gateway.App, w http.ResponseWriter, r *http.Request) error {
	given, err := query(r, "n")
	if err != nil {
		return err
	}
	n, err := count(given, defaultWorkspaces, maxWorkspaces)
	if err != nil {
		return err
	}
	return send(w, a.viewWorkspaces(app, n))
}

func (a *Admin) viewWorkspaces(app *gateway.App, n int) *workspacesView {
	most, refused, counted := a.busiest.list(app.Seen(), n)
	view := &workspacesView{Since: app.Seen().Workspaces.Since().Unix(), Now: time.Now().Unix(), Counted: counted,
		Busiest: []workspaceView{}, MostRefused: []workspaceView{}}
	for _, one := range most {
		view.Busiest = append(view.Busiest, viewWorkspace(app, one))
	}
	for _, one := range refused {
		view.MostRefused = append(view.MostRefused, viewWorkspace(app, one))
	}
	return view
}

func viewWorkspace(app *gateway.App, counted status.Workspace) workspaceView {
	view := workspaceView{Workspace: counted}
	if plan, state, ok := app.LastWindows(counted.ID); ok {
		view.Plan, view.Denied, view.Local, view.Windows = plan.Name, plan.Denied, state.Local, gateway.ViewWindows(&state)
	}
	return view
}

// oneWorkspace is all that is known of a workspace.
type oneWorkspace struct {
	gateway.WindowsAnswer
	Requests int64 `json:"requests"`
	Refused  int64 `json:"refused"`
	// Keys are the first hundred, by id; MoreKeys says that there are others.
	Keys     []*keysapi.View  `json:"keys"`
	MoreKeys bool             `json:"more_keys"`
	Refusals []status.Refusal `json:"refusals"`
}

func workspace(app *gateway.App, id string, w http.ResponseWriter, r *http.Request) error {
	answer, err := windows(app, id, r)
	if err != nil {
		return err
	}
	admin, err := app.Admin()
	if err != nil {
		return err
	}
	keys, err := admin.Keys(r.Context(), id, "", ownKeys+1)
	if err != nil {
		return asProblem(err)
	}
	seen := app.Seen()
	counted := seen.Workspaces.Of(id)
	one := oneWorkspace{WindowsAnswer: answer, Requests: counted.Requests, Refused: counted.Refused, Keys: []*keysapi.View{},
		MoreKeys: len(keys) > ownKeys, Refusals: seen.Refusals.Last(ownRefusals, func(f *status.Refusal) bool { return f.Workspace == id })}
	for _, key := range keys[:min(ownKeys, len(keys))] {
		one.Keys = append(one.Keys, keysapi.NewView(key, time.Now()))
	}
	return send(w, one)
}

func workspaceWindows(app *gateway.App, id string, w http.ResponseWriter, r *http.Request) error {
	answer, err := windows(app, id, r, "key")
	if err != nil {
		return err
	}
	return send(w, answer)
}

func windows(app *gateway.App, id string, r *http.Request, names ...string) (answer gateway.WindowsAnswer, err error) {
	given, err := query(r, names...)
	if err != nil {
		return answer, err
	}
	if err := record.CheckID(id); err != nil {
		return answer, refuse(http.StatusNotFound, "there is no workspace '%s': %v", clip(id), err)
	}
	answer, err = app.Windows(r.Context(), id, given["key"])
	return answer, asProblem(err)
}

// asProblem gives an error of the key store its status.
func asProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keystore.ErrNotFound):
		return refuse(http.StatusNotFound, "%v", err)
	}
	return refuse(http.StatusServiceUnavailable, "%v", err)
}

// refusalsView are the last refusals, the newest first.
type refusalsView struct {
	// Total is how many there were since the start.
	Total    uint64           `json:"total"`
	Refusals []status.Refusal `json:"refusals"`
}

func refusals(app *gateway.App, w http.ResponseWriter, r *http.Request) error {
	given, err := query(r, "n", "request_id", "workspace", "reason")
	if err != nil {
		return err
	}
	n, err := count(given, defaultRefusals, maxRefusals)
	if err != nil {
		return err
	}
	is := func(name, value string) bool {
		wanted, asked := given[name]
		return !asked || wanted == value
	}
	seen := &app.Seen().Refusals
	return send(w, refusalsView{seen.Total(), seen.Last(n, func(f *status.Refusal) bool {
		return is("request_id", f.RequestID) && is("workspace", f.Workspace) && is("reason", f.Reason)
	})})
}
