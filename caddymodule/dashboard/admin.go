package dashboard

import (
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
)

func init() { caddy.RegisterModule(new(Admin)) }

// Admin serves the paths of Caddy's admin endpoint that are ours.
type Admin struct {
	busiest   busiest
	following chan struct{} // one token for each stream that is open
	explains  sync.Mutex    // one explanation at a time: each reads the whole configuration
}

// CaddyModule returns the module's id.
func (*Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.tollgate", New: func() caddy.Module {
		return &Admin{following: make(chan struct{}, maxStreams)}
	}}
}

// Routes are the paths that the endpoint answers.
func (a *Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: gateway.AdminPath, Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// serve answers, refusals as well: they have the shape of all our errors.
func (a *Admin) serve(w http.ResponseWriter, r *http.Request) error {
	harden(w.Header())
	if err := a.answer(w, r); err != nil {
		sendProblem(w, err)
	}
	return nil
}

// harden keeps browsers from reading more into an answer than it is, and other sites from using it.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

func (a *Admin) answer(w http.ResponseWriter, r *http.Request) error {
	if err := checkHost(r); err != nil {
		return err
	}
	path := strings.TrimPrefix(r.URL.Path, gateway.AdminPath)
	if allowed := methodOf(path); r.Method != allowed && (allowed != http.MethodGet || r.Method != http.MethodHead) {
		w.Header().Set("Allow", allowed)
		return refuse(http.StatusMethodNotAllowed, "method %s is not allowed here: write %s", clip(r.Method), allowed)
	}
	if asset, found := assets[path]; found {
		return asset.serve(w, r)
	}
	app, err := running()
	if err != nil {
		return err
	}
	return a.answerAbout(app, path, w, r)
}

// methodOf is the method that a path takes.
func methodOf(path string) string {
	if path == "explain" {
		return http.MethodPost
	}
	return http.MethodGet
}

// answerAbout answers what depends on the gateway that runs.
func (a *Admin) answerAbout(app *gateway.App, path string, w http.ResponseWriter, r *http.Request) error {
	switch path {
	case "status":
		return sendWithout(w, r, func() (any, error) { return newStatus(app), nil })
	case "traffic":
		return sendWithout(w, r, func() (any, error) { return app.Seen().Hour.Traffic(hour), nil })
	case "routes":
		return sendWithout(w, r, func() (any, error) { return app.RouteStates(), nil })
	case "workspaces":
		return a.workspaces(app, w, r)
	case "refusals":
		return refusals(app, w, r)
	case "events":
		return a.events(app, w, r)
	case "explain":
		return a.explain(app, w, r)
	}
	if rest, found := strings.CutPrefix(path, "workspaces/"); found {
		if id, windows := strings.CutSuffix(rest, "/windows"); windows {
			return workspaceWindows(app, id, w, r)
		}
		return workspace(app, rest, w, r)
	}
	return refuse(http.StatusNotFound, "there is nothing at %s", clip(r.URL.Path))
}

// running is the gateway that runs now: an admin endpoint is made before the apps of its configuration.
func running() (*gateway.App, error) {
	found, err := caddy.ActiveContext().AppIfConfigured("tollgate")
	if err != nil {
		return nil, refuse(http.StatusNotFound, "no gateway runs in this process")
	}
	return found.(*gateway.App), nil
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
