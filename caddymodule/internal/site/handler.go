package site

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Handler is what a handler's JSON says about what it will do with a request.
type Handler struct {
	// Name is the handler's, such as reverse_proxy.
	Name string
	// Raw is all of its JSON.
	Raw json.RawMessage
	// Routes are those within it: of a subroute.
	Routes caddyhttp.RouteList
	// Invokes is the named route that it runs: of invoke.
	Invokes string
	// Source is the file and line that it was written at: of handlers of ours that come from a Caddyfile.
	Source string

	status   caddyhttp.WeakString
	abort    bool
	passThru bool
	asks     bool // a reverse_proxy that may hand a request on, once the backend has answered
}

// Read reads a handler's JSON. Of handlers that this package does not know only the name is read.
func Read(raw json.RawMessage) (Handler, error) {
	h := Handler{Raw: raw}
	var named struct {
		Handler string          `json:"handler"`
		Source  json.RawMessage `json:"source"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return h, err
	}
	h.Name = named.Handler
	switch h.Name {
	case "tollgate", "tollgate_keys":
		_ = json.Unmarshal(named.Source, &h.Source) // one that is no text is said when the handler is loaded
		return h, nil
	case "subroute", "invoke", "static_response", "error", "file_server", "reverse_proxy":
	default:
		return h, nil
	}
	var known struct {
		Name           string               `json:"name"`
		Routes         caddyhttp.RouteList  `json:"routes"`
		StatusCode     caddyhttp.WeakString `json:"status_code"`
		Abort          bool                 `json:"abort"`
		PassThru       bool                 `json:"pass_thru"`
		HandleResponse []responseHandler    `json:"handle_response"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return h, err
	}
	h.Routes, h.Invokes = known.Routes, known.Name
	h.status, h.abort, h.passThru, h.asks = known.StatusCode, known.Abort, known.PassThru, slices.ContainsFunc(known.HandleResponse, responseHandler.handsOn)
	return h, nil
}

// responseHandler is what a reverse_proxy does with some of the backend's answers.
type responseHandler struct {
	StatusCode caddyhttp.WeakString `json:"status_code"`
	Routes     caddyhttp.RouteList  `json:"routes"`
}

// handsOn reports whether the request may go on to the handlers behind the proxy, as forward_auth has it.
func (r responseHandler) handsOn() bool {
	return r.StatusCode == "" && !slices.ContainsFunc(r.Routes, func(route caddyhttp.Route) bool {
		return !conditional(&route) && slices.ContainsFunc(route.HandlersRaw, func(raw json.RawMessage) bool {
			h, err := Read(raw)
			return err == nil && h.Effect() == Answers
		})
	})
}

// Effect is what a handler does to a request's way.
type Effect uint8

// The effects of handlers.
const (
	Unknown    Effect = iota // this package does not know the handler
	Passes                   // hands every request on
	Rewrites                 // computes something about the request, and hands it on
	MayAnswer                // answers some requests and hands on others
	Answers                  // answers every request
	Gate                     // a Tollgate gate
	Manages                  // tollgate_keys: answers below its path, behind a gate only
	Nests                    // runs routes of its own
	NestsNamed               // runs a named route of the server
)

var effects = map[string]Effect{
	"tollgate": Gate, "tollgate_keys": Manages, "subroute": Nests, "invoke": NestsNamed,
	"encode": Passes, "templates": Passes, "tracing": Passes, "log_append": Passes, "push": Passes,
	"rewrite": Rewrites, "vars": Rewrites, "map": Rewrites, "headers": Rewrites,
	"request_body": MayAnswer, "authentication": MayAnswer, "intercept": MayAnswer, "copy_response_headers": Passes,
	"error": Answers, "metrics": Answers, "acme_server": MayAnswer, "copy_response": Answers,
}

// Effect tells what the handler does.
func (h *Handler) Effect() Effect {
	switch h.Name {
	case "static_response":
		return either(h.status == "103", Passes, Answers) // early hints are no answer yet
	case "file_server":
		return either(h.passThru, MayAnswer, Answers)
	case "reverse_proxy":
		return either(h.asks, MayAnswer, Answers)
	}
	return effects[h.Name]
}

// refuses reports whether what a handler answers opens nothing: a refusal, or the way to somewhere else.
func (h *Handler) refuses() bool {
	status := h.status.String()
	return h.abort || h.Name == "error" || h.Name == "static_response" && len(status) == 3 && status[0] >= '3' && status[0] <= '5'
}

func either(condition bool, yes, no Effect) Effect {
	if condition {
		return yes
	}
	return no
}

// String is the word that stands for the handler in a Caddyfile, where that is another one.
func (h *Handler) String() string {
	switch h.Name {
	case "static_response":
		word := "respond"
		switch {
		case h.abort:
			return "abort"
		case strings.HasPrefix(h.status.String(), "3"):
			word = "redir"
		}
		return strings.TrimSpace(word + " " + h.status.String())
	case "error":
		return strings.TrimSpace("error " + h.status.String())
	case "authentication":
		return "authentication (basic_auth)"
	case "reverse_proxy":
		if h.asks {
			return "reverse_proxy (forward_auth)"
		}
	}
	return h.Name
}

// Config is the handler's JSON without the word by which Caddy finds its module.
func (h *Handler) Config() (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(h.Raw, &members); err != nil {
		return nil, err
	}
	delete(members, "handler")
	return json.Marshal(members)
}
