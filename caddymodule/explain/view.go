package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Outcomes of a step.
const (
	stepPassed  = "passed"
	stepRefused = "refused"
	stepUnasked = "not reached"
)

// Answer is what would happen to a request and why: as JSON for programs, as Text for people.
type Answer struct {
	Request  requestView      `json:"request"`
	Way      wayView          `json:"way"`
	Key      *keysapi.View    `json:"key"`
	Plan     planView         `json:"plan"`
	Route    *routeView       `json:"route"`
	Steps    []stepView       `json:"steps"`
	Refusals []refusalView    `json:"refusals"`
	Windows  explainedWindows `json:"windows"`
	Verdict  verdictView      `json:"verdict"`

	judged *gate.Verdict // nil: the request came to no gate
}

type requestView struct {
	Method   string `json:"method"`
	Host     string `json:"host"`
	Target   string `json:"target"`
	ClientIP string `json:"client_ip"`
	Site     string `json:"site"`
}

type planView struct {
	Name    string `json:"name"`
	Denied  bool   `json:"denied"`
	Unknown bool   `json:"unknown"`
}

type routeView struct {
	Methods []string          `json:"methods"`
	Pattern string            `json:"pattern"`
	Source  string            `json:"source"`
	Scopes  []string          `json:"scopes"`
	Params  map[string]string `json:"params"`
	Cost    int64             `json:"cost"`
	Public  bool              `json:"public"`
	Whoami  bool              `json:"whoami"`
	// Describes says that the gateway tells the caller what it may do.
	Describes bool `json:"describes,omitempty"`
	// MCP says that the gateway answers as an MCP server.
	MCP bool `json:"mcp,omitempty"`
	// Deprecation is what callers of the route are told of its end; null: nothing.
	Deprecation *route.Deprecation `json:"deprecation"`
}

type stepView struct {
	Step    string `json:"step"`
	Outcome string `json:"outcome"`
	Why     string `json:"why"`
}

// refusalView is one refusal of a policy: where its rule stands and what that rule read.
type refusalView struct {
	File string `json:"file"`
	Line int    `json:"line"`
	// ForwardedAt is the file and line of the rule that took the refusal from another set; empty: none did.
	ForwardedAt string      `json:"forwarded_at"`
	Code        string      `json:"code"`
	Message     string      `json:"message"`
	Details     any         `json:"details"`
	Stands      bool        `json:"stands"`
	Values      []valueView `json:"values"`
}

type valueView struct {
	Path    string `json:"path"`
	Present bool   `json:"present"`
	Value   any    `json:"value"`
}

type explainedWindows struct {
	// Source says who knew the counts.
	Source string `json:"source"`
	// Known is false where nobody did: the windows then stand as if unused.
	Known bool                 `json:"known"`
	List  []gateway.WindowView `json:"list"`
}

// verdictView is what the caller would get. Status is 0 for a request that goes to the backend, or that meets no gate.
type verdictView struct {
	Allowed bool            `json:"allowed"`
	Status  int             `json:"status"`
	Error   json.RawMessage `json:"error"`
	Reason  string          `json:"reason"`
	Advice  string          `json:"advice"`
}

// answer gathers all that is known.
func (a *asked) answer() *Answer {
	var unready error
	if a.outcome != nil {
		unready = a.outcome.Unready
	}
	answer := &Answer{
		Request: requestView{Method: a.Method, Host: gateway.Host(a.walk.request.Host), Target: a.target,
			ClientIP: a.client.WithZone("").String(), Site: a.label()},
		Way:   a.walk.view(unready),
		Steps: []stepView{}, Refusals: []refusalView{},
		Windows: explainedWindows{Source: "not asked", List: []gateway.WindowView{}}, Verdict: verdictView{Allowed: true, Reason: noGate},
	}
	if a.identity != nil {
		plan := a.app.Plan(a.identity.Workspace.Plan)
		answer.Key = keysapi.NewView(&keystore.Key{Key: *a.identity.Key, Workspace: a.identity.Workspace.ID}, time.Now())
		answer.Plan = planView{plan.Name, plan.Denied, plan.Unknown}
	}
	if a.outcome == nil {
		return answer
	}
	answer.judged = &a.outcome.Verdict
	answer.Route, answer.Steps, answer.Refusals = a.viewRoute(), a.steps(), viewRefusals(a.outcome.Policy)
	if a.identity != nil {
		answer.Windows.Source, answer.Windows.Known = a.windows.source, a.windows.known
		answer.Windows.List = gateway.ViewWindows(&a.windows.state)
	}
	answer.Verdict = viewVerdict(a.outcome.Verdict.Refusal)
	return answer
}

// Reason is why the gate refused, as the logs have it; empty: it did not.
func (v *Answer) Reason() string {
	if v.judged == nil {
		return ""
	}
	return v.judged.Reason
}

// MissingScopes are those that the key lacks.
func (v *Answer) MissingScopes() []string {
	if v.judged == nil || v.judged.Refusal == nil {
		return nil
	}
	return v.judged.Decision.MissingScopes
}

// Charge is what the request would take from the windows: 0 for whatever is refused, and where nothing is counted.
func (v *Answer) Charge() int64 {
	if v.judged == nil || v.judged.Refusal != nil || !v.judged.Counted {
		return 0
	}
	return v.Route.Cost
}

func viewVerdict(refused *refusal.Refusal) verdictView {
	if refused == nil {
		return verdictView{Allowed: true}
	}
	var shown struct {
		Error json.RawMessage `json:"error"`
	}
	_ = json.Unmarshal(refused.JSON(), &shown) // it was written a moment ago
	return verdictView{Status: refused.StatusCode(), Error: shown.Error, Reason: refused.Kind.Reason, Advice: refused.Kind.Advice}
}

func (a *asked) viewRoute() *routeView {
	r := a.outcome.Verdict.Match.Route
	if r == nil {
		return nil
	}
	view := &routeView{
		Methods: r.Methods, Pattern: r.Pattern, Source: r.Source, Scopes: append([]string{}, a.outcome.Verdict.Match.Scopes...),
		Params: map[string]string{}, Cost: costOf(r), Public: r.Public, Whoami: r.Whoami, Describes: r.Describes, MCP: r.MCP, Deprecation: r.Deprecation,
	}
	for _, param := range a.outcome.Verdict.Match.Params {
		view.Params[param.Name] = param.Value
	}
	return view
}

func viewRefusals(x *policy.Explanation) []refusalView {
	views := []refusalView{}
	if x == nil {
		return views
	}
	for _, refusal := range x.Refusals {
		view := refusalView{File: refusal.File, Line: refusal.Line, ForwardedAt: refusal.ForwardedAt, Code: refusal.Code, Message: refusal.Message,
			Details: refusal.Details, Stands: refusal.Stands, Values: []valueView{}}
		for _, v := range refusal.Values {
			view.Values = append(view.Values, valueView{Path: v.Path, Present: v.Present, Value: v.JSON})
		}
		views = append(views, view)
	}
	return views
}

// steps tells what became of each step. The gate knows an unknown route when policy has been asked; to its users that is
// a step of its own.
func (a *asked) steps() []stepView {
	views := make([]stepView, 0, gate.Steps+1)
	missingRoute := a.missingRoute()
	for step := range gate.Steps {
		view := stepView{Step: step.String(), Outcome: stepUnasked}
		switch {
		case step < a.outcome.Verdict.Step || step == a.outcome.Verdict.Step && (a.outcome.Verdict.Refusal == nil || missingRoute != "" || a.outcome.Unready != nil || a.outcome.Verdict.Validated && step == gate.StepPolicy):
			view.Outcome, view.Why = stepPassed, a.passed(step)
		case step == a.outcome.Verdict.Step:
			view.Outcome, view.Why = stepRefused, a.refused(step)
		}
		views = append(views, view)
		if step == gate.StepPolicy {
			views = append(views, unknownRoute(a.outcome.Verdict.Step > step || a.outcome.Unready != nil || a.outcome.Verdict.Validated, missingRoute))
			if a.outcome.Verdict.Validated {
				views = append(views, a.validation())
			}
		}
	}
	return views
}

// validation tells what the document that describes the route says of the request. To the gate it is a part of the policy's step.
func (a *asked) validation() stepView {
	view := stepView{Step: "validate", Outcome: stepPassed, Why: "the request is as the document describes it"}
	refused := a.outcome.Verdict.Refusal
	if refused == nil || a.outcome.Verdict.Step != gate.StepPolicy || a.outcome.Unready != nil {
		return view
	}
	view.Outcome, view.Why = stepRefused, a.refused(gate.StepPolicy)
	problems := slices.SortedFunc(slices.Values(a.outcome.Verdict.Problems), func(a, b route.Problem) int { return strings.Compare(a.Field, b.Field) })
	fields := make([]string, len(problems))
	for n, p := range problems {
		if fields[n] = p.Field + ": " + p.Text; p.Place != "" {
			fields[n] += " (" + p.Place + ")"
		}
	}
	view.Why = cmp.Or(strings.Join(fields, "; "), view.Why)
	view.Why += " (operation: " + a.outcome.Verdict.Match.Route.Source + ")"
	return view
}

// missingRoute is the reason why a request that the policies let through has no route. It is empty if it has one.
func (a *asked) missingRoute() string {
	switch refused := a.outcome.Verdict.Refusal; {
	case refused == nil:
		return ""
	case refused.Kind == refusal.UnknownRoute:
		return "there is no route"
	case refused.Kind == refusal.ScopeParameter:
		return "a parameter of the path cannot stand in a scope: it must match [A-Za-z0-9_-]+"
	}
	return ""
}

func unknownRoute(passed bool, missingRoute string) stepView {
	view := stepView{Step: "unknown route", Outcome: stepUnasked}
	switch {
	case missingRoute != "":
		view.Outcome, view.Why = stepRefused, missingRoute
	case passed:
		view.Outcome, view.Why = stepPassed, "the route is known"
	}
	return view
}

// passed says in words why a step let the request through.
func (a *asked) passed(step gate.Step) string {
	switch step {
	case gate.StepHygiene:
		return "the request target is in canonical form"
	case gate.StepRoute:
		return a.routeInWords()
	case gate.StepAuthenticate:
		return fmt.Sprintf("key %s of workspace %s, %s", a.identity.Key.ID, a.identity.Workspace.ID, a.planInWords())
	case gate.StepPolicy:
		return "no policy refuses"
	}
	return fmt.Sprintf("there is room for the cost of %d", max(a.outcome.Verdict.Match.Route.Cost, 1))
}

func (a *asked) planInWords() string {
	plan := a.outcome.Verdict.Plan
	switch {
	case plan.Unknown:
		return "plan " + plan.Name + ", which nobody configured: denied"
	case plan.Denied:
		return "plan " + plan.Name + ", which is denied"
	}
	return "plan " + plan.Name
}

// nobody says in words why a request has no caller.
var nobody = map[string]string{
	gate.ReasonNoKey:        "no key was sent",
	gate.ReasonMalformedKey: "what was sent is not one Bearer token, or it begins like a secret of ours and has a wrong checksum",
	gate.ReasonUnknownKey:   "nobody has the key that was sent",
}

// refused says in words why a step refused, where the verdict alone does not.
func (a *asked) refused(step gate.Step) string {
	refused := a.outcome.Verdict.Refusal
	switch {
	case refused.Kind == refusal.Suspended:
		return refused.Cause.Error()
	case step == gate.StepAuthenticate && a.identity == nil:
		return nobody[a.outcome.Verdict.Reason]
	case step == gate.StepAuthenticate:
		return "the key is " + a.identity.Key.State(time.Now())
	case refused.Cause != nil:
		return refused.Cause.Error()
	case refused.Kind == refusal.OverLimit:
		return fmt.Sprintf("there is no room for the cost of %d; a retry is granted after %d s", max(a.outcome.Verdict.Match.Route.Cost, 1), refused.RetryAfter)
	}
	if refused.Message != "" {
		return refused.Message
	}
	return refused.Kind.Message
}
