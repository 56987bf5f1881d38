package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
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
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`

	secrets []string // the names of secrets in Value
}

// secretNames finds the secrets that a value needs.
var secretNames = regexp.MustCompile(`\{tollgate\.secret\.([^{}]+)\}`)

// checkInject refuses header names that are none or not for a configuration to set, and finds the secrets.
func (h *Handler) checkInject() error {
	for i := range h.Inject {
		header := &h.Inject[i]
		if !httpguts.ValidHeaderFieldName(header.Header) || strings.EqualFold(header.Header, "Connection") || strings.EqualFold(header.Header, "Host") {
			return fmt.Errorf("inject: '%s' is no header that can be set", header.Header)
		}
		if header.Value == "" || !httpguts.ValidHeaderFieldValue(header.Value) {
			return fmt.Errorf("inject: the value of %s is empty, or no header can carry it", header.Header)
		}
		header.secrets = nil
		for _, match := range secretNames.FindAllStringSubmatch(header.Value, -1) {
			header.secrets = append(header.secrets, match[1])
		}
	}
	return nil
}

// checkSecrets refuses a value that needs a secret where no folder is configured.
func (h *Handler) checkSecrets() error {
	for _, header := range h.Inject {
		if len(header.secrets) > 0 && h.app.secrets == nil {
			return fmt.Errorf("%s: inject %s: it needs the secret '%s': name the folder with the global option 'secrets'",
				header.Source, header.Header, header.secrets[0])
		}
	}
	return nil
}

// injectsAuthorization reports whether the backend sees the gateway's credential: a 401 of its own is then not the caller's.
func (h *Handler) injectsAuthorization() bool {
	for i := range h.Inject {
		if strings.EqualFold(h.Inject[i].Header, "Authorization") {
			return true
		}
	}
	return false
}

var errEmptyHeader = errors.New("the value is empty")

// inject sets the configured headers. A secret that is needed and missing refuses the request; on public routes, where
// nobody is known, headers that tell of the caller are left out, whatever the caller sends under their names.
func (c *call) inject() *envelope.Refusal {
	for i := range c.handler.Inject {
		header := &c.handler.Inject[i]
		name := http.CanonicalHeaderKey(header.Header)
		if c.verdict.Identity == nil && strings.Contains(header.Value, "{tollgate.") {
			delete(c.request.Header, name)
			continue
		}
		value, err := c.injected(header)
		if err != nil {
			return &envelope.Refusal{Kind: envelope.SecretMissing, Cause: fmt.Errorf("injecting %s: %w", header.Header, err)}
		}
		c.request.Header[name] = []string{value}
	}
	return nil
}

func (c *call) injected(header *Inject) (string, error) {
	for _, name := range header.secrets {
		if _, found := c.secret(name); !found {
			return "", fmt.Errorf("workspace %s has no secret '%s'", c.verdict.Identity.Workspace.ID, name)
		}
	}
	value, err := c.repl.ReplaceOrErr(header.Value, false, true)
	if err == nil && value == "" {
		err = errEmptyHeader
	}
	if err == nil && !httpguts.ValidHeaderFieldValue(value) {
		err = errors.New("the value holds characters that no header can carry")
	}
	return value, err
}

// secret is a value of the caller's workspace.
func (c *call) secret(name string) (string, bool) {
	if c.handler.app.secrets == nil || c.verdict.Identity == nil {
		return "", false
	}
	return c.handler.app.secrets.Value(c.verdict.Identity.Workspace.ID, name)
}

// scrubbed takes the injected secrets out of what the backend said, for the log: some repeat the credential they refuse.
func (c *call) scrubbed(said string) string {
	if said == "" {
		return said
	}
	for i := range c.handler.Inject {
		for _, name := range c.handler.Inject[i].secrets {
			if value, found := c.secret(name); found {
				said = strings.ReplaceAll(said, value, "***")
			}
		}
	}
	return said
}
