package caddymodule

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
	Answer string `json:"answer"`
	// Notes are for people: what explain could not ask.
	Notes []string `json:"notes"`
}

func (w *walk) view() wayView {
	view := wayView{Gate: w.gate != nil, Answer: w.answer, Notes: []string{}}
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
		view.Notes = append(view.Notes, asked+" before the gate is not run here: it may answer in its place, or change the request")
	case asked != "":
		view.Notes = append(view.Notes, asked+" on the way is not run here: it may answer, or change the request")
	}
	if w.redirected {
		view.Notes = append(view.Notes, "Caddy redirects this host from http to https by itself, unless a site of the http port names it: write https:// to ask about the site")
	}
	if w.headers {
		view.Notes = append(view.Notes, "a matcher on the way looks at headers, and was asked about a request that has none")
	}
	if w.unready != nil {
		view.Notes = append(view.Notes, "the request cannot be passed on: "+w.unready.Error())
	}
	if w.nested {
		view.Notes = append(view.Notes, "another gate stands behind this one and refuses what comes to it: keep one of them")
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
