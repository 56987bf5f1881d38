package caddymodule

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// handlerJSON is what a handler's JSON says about what it will do with a request.
type handlerJSON struct {
	Handler string `json:"-"`
	// Name is the route that "invoke" means.
	Name string `json:"name"`
	// Routes are those of a subroute.
	Routes caddyhttp.RouteList `json:"routes"`
	// StatusCode and Abort are how an answer is given.
	StatusCode caddyhttp.WeakString `json:"status_code"`
	Abort      bool                 `json:"abort"`
	// PassThru says that a file server hands on what it has no file for.
	PassThru bool `json:"pass_thru"`
	// HandleResponse is what a proxy does instead of handing an answer on: it may hand on the request.
	HandleResponse []json.RawMessage `json:"handle_response"`
}

// readHandler reads a handler's JSON: all of it where the words are known, else only the handler's name.
func readHandler(raw json.RawMessage) (h handlerJSON, err error) {
	var named struct {
		Handler string `json:"handler"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return h, err
	}
	switch named.Handler {
	case "subroute", "invoke", "static_response", "error", "file_server", "reverse_proxy":
		err = json.Unmarshal(raw, &h)
	}
	h.Handler = named.Handler
	return h, err
}

// withoutName is a handler's JSON without the word by which Caddy finds the module.
func withoutName(raw json.RawMessage) (json.RawMessage, error) {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, err
	}
	delete(named, "handler")
	return json.Marshal(named)
}

// answers reports whether the handler answers each request that comes to it.
func (h *handlerJSON) answers() bool {
	switch h.Handler {
	case "static_response":
		return h.StatusCode != "103" // early hints are no answer yet
	case "file_server":
		return !h.PassThru
	case "reverse_proxy":
		return len(h.HandleResponse) == 0
	case "error", "metrics":
		return true
	}
	return false
}

// String is the word that stands for the handler in a Caddyfile, where that is another one.
func (h *handlerJSON) String() string {
	switch h.Handler {
	case "static_response":
		word := "respond"
		switch {
		case h.Abort:
			return "abort"
		case strings.HasPrefix(h.StatusCode.String(), "3"):
			word = "redir"
		}
		return strings.TrimSpace(word + " " + h.StatusCode.String())
	case "error":
		return strings.TrimSpace("error " + h.StatusCode.String())
	case "authentication":
		return "authentication (basic_auth)"
	case "reverse_proxy":
		if len(h.HandleResponse) > 0 {
			return "reverse_proxy (forward_auth)"
		}
	}
	return h.Handler
}
