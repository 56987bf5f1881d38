package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// explainedPolicy decides like the engine, and keeps why. It is gate.Policy.
type explainedPolicy struct {
	engine      *policy.Engine
	explanation *policy.Explanation // nil: not asked
}

// Decide explains instead of only deciding.
func (p *explainedPolicy) Decide(ctx context.Context, in *policy.Input) (policy.Decision, error) {
	explanation, err := p.engine.Explain(ctx, in)
	if explanation == nil {
		return policy.Decision{}, err
	}
	p.explanation = explanation
	return explanation.Decision, explanation.Err
}

// counts stand in for the counters: what is left of the windows, which nothing changes. It is gate.Counters.
type counts struct {
	state limits.State
	// Source says where the counts come from, for people.
	source string
	// Known is false where nobody could be asked: the windows then stand as if unused.
	known bool
}

// Take says what the counters would say.
func (c *counts) Take(_ context.Context, _ string, _ []record.Window, cost int64) (limits.Result, error) {
	state := c.state
	after := state.Refuse(cost)
	return limits.Result{Granted: after == 0, RetryAfter: after, State: state}, nil
}

// Last is the state.
func (c *counts) Last(string, []record.Window) limits.State { return c.state }

// Peek is the state.
func (c *counts) Peek(context.Context, string, []record.Window) (limits.State, error) {
	return c.state, nil
}

// bodyText is a body that was read from a file. It is gate.Body.
type bodyText []byte

// JSON judges the body as that of a request which sends it as application/json.
func (b bodyText) JSON(_ context.Context, limit int64) (any, bool, *refusal.Refusal) {
	switch {
	case len(b) == 0:
		return nil, false, nil
	case int64(len(b)) > limit:
		return nil, false, &refusal.Refusal{Kind: refusal.BodyTooLarge}
	}
	value, err := jsonbody.Parse(b)
	if err != nil {
		return nil, false, malformedBody(err)
	}
	return value, true, nil
}

// sharedCounters are counters that a command can ask as well as a gateway.
type sharedCounters interface {
	gate.Counters
	Ping(context.Context) error
}

// counts finds out what is left of a workspace's windows: the running gateway is asked, else the counters that
// gateways share; where there is neither, the windows stand as if unused.
func (i *invocation) counts(c *configuration, app *App, identity *record.Identity) counts {
	plan := app.planTable.Of(identity.Workspace.Plan)
	if plan.Denied {
		return counts{source: "none: the plan is denied", known: true}
	}
	windows := plan.Limits(identity.Workspace)
	state, source, err := i.askGateway(c, app, identity.Workspace.ID, windows)
	if err == nil {
		return counts{state: state, source: source, known: true}
	}
	if shared, ok := app.counters.(sharedCounters); ok {
		if shared.Ping(i) == nil {
			state, err = shared.Peek(i, identity.Workspace.ID, windows)
			return counts{state: state, source: "the shared counters", known: err == nil}
		}
		err = fmt.Errorf("%w, and the shared counters do not answer", err)
	}
	return counts{state: stateOf(windows, time.Now().Unix(), nil), source: "as if unused, because " + err.Error()}
}

// stateOf puts the counts that somebody gave, by the windows' durations, into the present windows.
func stateOf(windows []record.Window, now int64, given []windowView) limits.State {
	state := limits.NewState(now)
	for _, w := range windows {
		used, reset := int64(0), int64(0)
		for _, g := range given {
			if g.Window.Duration == w.Duration {
				used, reset = g.Window.Limit-g.Remaining, g.Reset
			}
		}
		state.Add(w, used, reset)
	}
	return state
}

// askTimeout is how long the admin endpoint of a running gateway may take.
const askTimeout = 3 * time.Second

// askGateway asks a running gateway through its admin endpoint.
func (i *invocation) askGateway(c *configuration, app *App, workspace string, windows []record.Window) (limits.State, string, error) {
	var read struct {
		Admin caddy.AdminConfig `json:"admin"`
	}
	if err := json.Unmarshal(c.document, &read); err == nil && read.Admin.Disabled {
		return limits.State{}, "", fmt.Errorf("the configuration has no admin endpoint by which a running gateway could be asked")
	}
	endpoint, err := caddycmd.DetermineAdminAPIAddress("", c.document, c.file, "")
	if err != nil {
		return limits.State{}, "", err
	}
	answer, err := getAdmin[windowsAnswer](endpoint, adminPath+"workspaces/"+url.PathEscape(workspace)+"/windows")
	switch {
	case err != nil:
		return limits.State{}, "", fmt.Errorf("no gateway with this workspace answers at %s", endpoint)
	case answer.Store != app.store.Place():
		return limits.State{}, "", fmt.Errorf("the gateway at %s uses another key store (%s)", endpoint, answer.Store)
	}
	return stateOf(windows, answer.Now, answer.Windows), "the gateway at " + endpoint, nil
}

// getAdmin asks the admin endpoint, whose client knows no time limit.
func getAdmin[T any](endpoint, path string) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		response, err := caddycmd.AdminAPIRequest(endpoint, "GET", path, nil, nil)
		if r.err = err; err == nil {
			r.err = json.NewDecoder(response.Body).Decode(&r.value)
			_ = response.Body.Close()
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(askTimeout):
		return result{}.value, fmt.Errorf("no answer within %v", askTimeout)
	}
}
