package caddymodule

import (
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
)

// Inject is a request header that the gateway sets for the backend.
type Inject struct {
	// Header is its name.
	Header string `json:"header"`
	// Value may hold placeholders; {tollgate.secret.<name>} is the workspace's value from the secrets folder.
	Value string `json:"value"`
}

// unavailable are words of the grammar that are refused as such, until they work.
var unavailable = map[string]bool{
	"tollgate.keys.postgres": true, "tollgate.counters.redis": true,
	"policies": true, "secrets": true, "inject": true,
}

func (h *Handler) checkInject() error {
	for _, header := range h.Inject {
		if !httpguts.ValidHeaderFieldName(header.Header) {
			return fmt.Errorf("inject: '%s' is no header name", header.Header)
		}
	}
	return nil
}

// injectsAuthorization reports whether the backend sees the gateway's credential: a 401 of its own is then not the caller's.
func (h *Handler) injectsAuthorization() bool {
	for _, header := range h.Inject {
		if strings.EqualFold(header.Header, "Authorization") {
			return true
		}
	}
	return false
}

// inject sets the configured headers.
func (c *call) inject() *envelope.Refusal {
	for _, header := range c.handler.Inject {
		value, err := c.repl.ReplaceOrErr(header.Value, true, true)
		if err != nil {
			return &envelope.Refusal{Kind: envelope.SecretMissing, Cause: fmt.Errorf("injecting %s: %w", header.Header, err)}
		}
		c.request.Header[http.CanonicalHeaderKey(header.Header)] = []string{value}
	}
	return nil
}
