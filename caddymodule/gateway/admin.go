package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func init() { caddy.RegisterModule(new(adminAPI)) }

// AdminPath begins the paths of the admin endpoint that are ours.
const AdminPath = "/tollgate/"

// adminAPI tells operators and commands about the running gateway, over Caddy's admin endpoint. It changes nothing and
// knows no secrets:
//
//	GET /tollgate/                             key store, plans, policies
//	GET /tollgate/workspaces/<id>/windows      a workspace, and what is left of its windows
type adminAPI struct{}

// CaddyModule returns the module's id.
func (*adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.tollgate", New: func() caddy.Module { return new(adminAPI) }}
}

// Routes are the paths that the endpoint answers.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: AdminPath, Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// gatewayAnswer describes the running gateway.
type gatewayAnswer struct {
	Store    string              `json:"store"`
	Plans    map[string][]string `json:"plans"`
	Policies policiesAnswer      `json:"policies"`
}

type policiesAnswer struct {
	Generation uint64   `json:"generation"`
	Remembered bool     `json:"remembered"`
	Why        string   `json:"why,omitempty"`
	Files      []string `json:"files"`
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
	Window    record.Window `json:"window"`
	Remaining int64         `json:"remaining"`
	Reset     int64         `json:"reset"`
}

func (a *adminAPI) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("method not allowed: only GET is")}
	}
	// The one that runs now: an admin endpoint is made before the apps of its configuration.
	running, err := caddy.ActiveContext().AppIfConfigured("tollgate")
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no gateway runs in this process")}
	}
	app := running.(*App)
	rest := strings.TrimPrefix(r.URL.Path, AdminPath)
	if rest == "" {
		return answerAdmin(w, app.describe())
	}
	id, found := strings.CutPrefix(rest, "workspaces/")
	id, windows := strings.CutSuffix(id, "/windows")
	if !found || !windows || record.CheckID(id) != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("there is nothing at %s", r.URL.Path)}
	}
	answer, err := app.windowsOf(r, id)
	switch {
	case errors.Is(err, keystore.ErrNotFound):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	case err != nil:
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	}
	return answerAdmin(w, answer)
}

func answerAdmin(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(value)
}

func (a *App) describe() gatewayAnswer {
	report := a.policies.Report()
	answer := gatewayAnswer{
		Store: a.store.Place(), Plans: map[string][]string{},
		Policies: policiesAnswer{Generation: report.Generation, Remembered: report.Remembered, Why: report.Why},
	}
	for _, file := range report.Files {
		answer.Policies.Files = append(answer.Policies.Files, file.Name)
	}
	for name, plan := range a.planTable {
		answer.Plans[name] = []string{}
		for _, w := range plan.Windows {
			answer.Plans[name] = append(answer.Plans[name], w.String())
		}
	}
	return answer
}

// windowsOf asks the store for the workspace, and the counters for its windows.
func (a *App) windowsOf(r *http.Request, id string) (WindowsAnswer, error) {
	answer := WindowsAnswer{Store: a.store.Place(), Windows: []WindowView{}}
	admin, ok := a.keys.Value.Store().(keystore.Admin)
	if !ok {
		return answer, fmt.Errorf("key store %s cannot be asked for workspaces", answer.Store)
	}
	workspace, err := admin.Workspace(r.Context(), id)
	if err != nil {
		return answer, err
	}
	answer.Workspace = keysapi.NewWorkspaceView(workspace)
	plan := a.planTable.Of(workspace.Plan)
	var state limits.State
	if answer.Denied = plan.Denied; !plan.Denied {
		if state, err = a.counters.Peek(r.Context(), id, plan.Limits(workspace)); err != nil {
			return answer, err
		}
	}
	answer.Local, answer.Now = state.Local, state.Now
	for _, s := range state.Statuses() {
		answer.Windows = append(answer.Windows, WindowView{Window: s.Window, Remaining: s.Remaining, Reset: s.Reset})
	}
	return answer, nil
}

// Interface guards
var _ caddy.AdminRouter = (*adminAPI)(nil)
