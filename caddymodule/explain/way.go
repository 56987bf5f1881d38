package explain

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// noGate is the reason of a verdict that no gate gave.
const noGate = "no_gate"

// wayView is how a request came to its gate.
type wayView struct {
	// Gate is false where it came to none.
	Gate bool `json:"gate"`
	// Method and Target are what the gate finds routes by. Rewritten says that this is another request than came.
	Method    string `json:"method"`
	Target    string `json:"target"`
	Rewritten bool   `json:"rewritten"`
	// Answer is the handler that answers a request which passes the gate, or which met none; empty: none does for certain.
	// Matchers behind the gate are not asked.
	Answer string `json:"answer"`
	// Notes are for people: what explain could not ask.
	Notes []string `json:"notes"`

	behind []string
}

// view tells the way. Unready is why the gateway could not pass the request on; nil: it could.
func (w *walk) view(unready error) wayView {
	view := wayView{Gate: w.gate != nil, Answer: w.answer, Notes: []string{}}
	note := func(text string) { view.Notes = append(view.Notes, text) }
	if view.Gate {
		came, _ := w.request.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
		view.Method, view.Target = w.facts.Method, w.facts.Path
		view.Rewritten = w.facts.Method != came.Method || w.facts.Path != w.facts.TargetPath || w.facts.RawQuery != came.URL.RawQuery
		if w.facts.RawQuery != "" {
			view.Target += "?" + w.facts.RawQuery
		}
	}
	switch asked := strings.Join(w.unasked, ", "); {
	case asked != "" && view.Gate:
		note(asked + " before the gate is not run here: it may answer in its place, or change the request")
	case asked != "":
		note(asked + " on the way is not run here: it may answer, or change the request")
	}
	if w.headers {
		note("a matcher on the way looks at headers, and was asked about a request that has none")
	}
	if unready != nil {
		note("the request cannot be passed on: " + unready.Error())
	}
	behind := w.behind()
	for _, step := range behind {
		view.behind = append(view.behind, step.String())
	}
	if view.Gate {
		view.Answer = answering(behind)
	}
	if slices.ContainsFunc(behind, func(s site.Step) bool { return s.Effect() == site.Gate }) {
		note("another gate stands behind this one and refuses what comes to it: keep one of them")
	}
	return view
}

// textNoGate says in one line what becomes of a request that meets no gate.
func (v *wayView) textNoGate() string {
	switch {
	case v.Answer != "":
		return "no gate stands in its way: it is answered by " + v.Answer + ", and not protected"
	case len(v.Notes) > 0:
		return "no gate stands in its way, and no handler is certain to answer it: it is not protected"
	}
	return "no gate stands in its way, and no handler answers it: the server gives an empty 200"
}

// textPassed says in one line where a request goes that passes the gate.
func (v *wayView) textPassed() string {
	switch {
	case len(v.behind) == 0:
		return "passes the gate, and no handler stands behind it: 404"
	case v.Answer == "reverse_proxy":
		return "goes to the backend"
	case v.Answer != "":
		return "goes to " + v.Answer
	}
	return "passes the gate to " + strings.Join(v.behind, ", ")
}

// answering is the handler that answers for certain what comes to these; empty: a matcher decides, or none answers.
func answering(steps []site.Step) string {
	for _, step := range steps {
		switch effect := step.Effect(); {
		case step.Conditional && effect != site.Passes && effect != site.Rewrites:
			return ""
		case effect == site.Answers:
			return step.String()
		case effect == site.Unknown, effect == site.Gate:
			return ""
		}
	}
	return ""
}

// routeInWords says which route matched, and what it needs.
func (a *asked) routeInWords() string {
	route := a.outcome.Verdict.Match.Route
	if route == nil {
		return "no route matches: the policies are asked about an unknown one"
	}
	text := strings.Join(route.Methods, ",") + " " + route.Pattern
	if route.Source != "" {
		text += " (" + route.Source + ")"
	}
	switch {
	case route.MCP && route.Public:
		return text + " tells clients how to authenticate for MCP: the gateway answers"
	case route.MCP:
		return text + " is the MCP server: the gateway answers; the request of a tool goes the way of its own route"
	case route.Describes:
		return text + " tells each caller what it may do: the gateway answers"
	case route.Limit.Limit > 0:
		return text + " is public: each client address may send " + route.Limit.String() + ", nothing else is asked"
	case route.Public:
		return text + " is public: nothing else is asked"
	case route.Whoami:
		return text + " says who the key is: the gateway answers"
	case len(route.Scopes) == 0:
		return text + " needs any valid key"
	}
	return text + " needs " + strings.Join(route.Scopes, " ")
}
