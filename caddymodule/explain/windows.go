package explain

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// windows is what is left of a workspace's windows.
type windows struct {
	state limits.State
	// source says where the counts come from, for people.
	source string
	// known is false where nobody could be asked: the windows then stand as if unused.
	known bool
}

// sharedCounters are counters that a command can ask as well as a gateway.
type sharedCounters interface {
	gate.Counters
	Ping(context.Context) error
}

// findWindows finds out what is left of a workspace's windows: the running gateway is asked, else the counters that
// gateways share; where there is neither, the windows stand as if unused.
func findWindows(ctx context.Context, c *config.Configuration, app *gateway.App, identity *record.Identity) windows {
	plan, workspace := app.Plan(identity.Workspace.Plan), identity.Workspace
	if plan.Denied {
		return windows{source: "none: the plan is denied", known: true}
	}
	limits := plan.Limits(workspace, identity.Key)
	state, source, err := askGateway(c, app, identity, limits)
	if err == nil {
		return windows{state: state, source: source, known: true}
	}
	if shared, ok := app.Counters().(sharedCounters); ok {
		if shared.Ping(ctx) == nil {
			state, err = shared.Peek(ctx, workspace.ID, limits)
			return windows{state: state, source: "the shared counters", known: err == nil}
		}
		err = fmt.Errorf("%w, and the shared counters do not answer", err)
	}
	return windows{state: stateOf(limits, time.Now().Unix(), nil), source: "as if unused, because " + err.Error()}
}

// windowsHere asks the counters of the gateway that runs in this process.
func windowsHere(ctx context.Context, app *gateway.App, identity *record.Identity) windows {
	plan, workspace := app.Plan(identity.Workspace.Plan), identity.Workspace
	if plan.Denied {
		return windows{source: "none: the plan is denied", known: true}
	}
	limits := plan.Limits(workspace, identity.Key)
	state, err := app.Counters().Peek(ctx, workspace.ID, limits)
	if err != nil {
		return windows{state: stateOf(limits, time.Now().Unix(), nil), source: "as if unused, because " + err.Error()}
	}
	return windows{state: state, source: "this gateway", known: true}
}

// unspent are the windows as if nothing had been used of them.
func unspent(app *gateway.App, identity *record.Identity) windows {
	plan := app.Plan(identity.Workspace.Plan)
	if plan.Denied {
		return windows{source: "none: the plan is denied", known: true}
	}
	return windows{state: stateOf(plan.Limits(identity.Workspace, identity.Key), time.Now().Unix(), nil), source: "as if unused"}
}

// stateOf puts the counts that somebody gave, by the windows' names, into the present windows.
func stateOf(windows []record.Window, now int64, given []gateway.WindowView) limits.State {
	state := limits.NewState(now)
	for i := range windows {
		used, reset := int64(0), int64(0)
		for _, g := range given {
			if g.Name == windows[i].Name() {
				used, reset = g.Used, g.Reset
			}
		}
		state.Add(&windows[i], used, reset)
	}
	return state
}

// askGateway asks a running gateway through its admin endpoint.
func askGateway(c *config.Configuration, app *gateway.App, identity *record.Identity, windows []record.Window) (limits.State, string, error) {
	endpoint, err := c.AdminAddress()
	if err != nil {
		return limits.State{}, "", err
	}
	path := gateway.AdminPath + "workspaces/" + url.PathEscape(identity.Workspace.ID) + "/windows"
	if len(identity.Key.Limits) > 0 {
		path += "?key=" + url.QueryEscape(identity.Key.ID)
	}
	answer, err := config.GetAdmin[gateway.WindowsAnswer](endpoint, path)
	place := app.KeyStore().Place()
	switch {
	case err != nil:
		return limits.State{}, "", fmt.Errorf("no gateway with this workspace answers at %s", endpoint)
	case answer.Store != place:
		return limits.State{}, "", fmt.Errorf("the gateway at %s uses another key store (%s)", endpoint, answer.Store)
	}
	return stateOf(windows, answer.Now, answer.Windows), "the gateway at " + endpoint, nil
}

// costOf is what a request of a route would take, if it took anything. A message for mcp takes nothing unless its cost says so.
func costOf(r *route.Route) int64 {
	if r.MCP {
		return r.Cost
	}
	return max(r.Cost, 1)
}
