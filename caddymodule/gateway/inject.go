package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http/httpguts"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/headers"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
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

// ownPlaceholders finds what a value asks of the gateway; known are the names it has, secrets and metadata aside.
var (
	ownPlaceholders = regexp.MustCompile(`\{tollgate\.([^{}]*)\}?`)
	known           = []string{"workspace.id", "workspace.plan", "key.id", "key.name", "route", "decision"}
	secretName      = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)
)

// notInjected are headers that are the connection's, the proxy's or the gateway's own to set.
var notInjected = map[string]bool{
	"connection": true, "host": true, "content-length": true, "transfer-encoding": true, "te": true, "trailer": true,
	"upgrade": true, "keep-alive": true, "x-request-id": true,
}

// checkInject refuses headers that are none or not for a configuration to set, and values that can never be filled in; it
// finds the secrets.
func (h *Handler) checkInject() error {
	seen, identity := make(map[string]bool), headers.DefaultIdentityPrefix
	if h.IdentityHeaders != "" && h.IdentityHeaders != "off" {
		identity = string(headers.Normalize(nil, h.IdentityHeaders))
	}
	for i := range h.Inject {
		header := &h.Inject[i]
		name := string(headers.Normalize(nil, header.Header))
		if !httpguts.ValidHeaderFieldName(header.Header) || notInjected[name] || strings.HasPrefix(name, identity) {
			return fmt.Errorf("'%s' is not a header that can be set", header.Header)
		}
		if seen[name] {
			return fmt.Errorf("'%s' is given twice: keep one of them", header.Header)
		}
		seen[name] = true
		if name == "authorization" && h.ForwardAuthorization {
			return errors.New("header Authorization is the gateway's or the caller's: drop this line or forward_authorization")
		}
		if err := header.check(); err != nil {
			return err
		}
	}
	return nil
}

// Secrets are the names of the values in the secrets folder that it needs, once it was read.
func (i *Inject) Secrets() []string { return i.secrets }

// check refuses a value that no header can carry, or that names what does not exist.
func (i *Inject) check() error {
	if i.Value == "" || !httpguts.ValidHeaderFieldValue(i.Value) {
		return fmt.Errorf("the value of %s is empty, or has characters that a header cannot have", i.Header)
	}
	i.secrets = nil
	for _, match := range ownPlaceholders.FindAllStringSubmatch(i.Value, -1) {
		secret, isSecret := strings.CutPrefix(match[1], "secret.")
		switch {
		case !strings.HasSuffix(match[0], "}"):
			return fmt.Errorf("'%s' lacks its closing brace", match[0])
		case isSecret && secretName.MatchString(secret):
			i.secrets = append(i.secrets, secret)
		case strings.HasPrefix(match[1], "workspace.metadata.") || slices.Contains(known, match[1]):
		default:
			return fmt.Errorf("'%s' is not a placeholder: write one of {tollgate.secret.<name>}, {tollgate.workspace.metadata.<name>}, {tollgate.%s}",
				match[0], strings.Join(known, "}, {tollgate."))
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

// injectsSecrets reports whether the backend sees secrets of the gateway's: an error of its own may then repeat one.
func (h *Handler) injectsSecrets() bool {
	for i := range h.Inject {
		if len(h.Inject[i].secrets) > 0 {
			return true
		}
	}
	return false
}

var errEmptyHeader = errors.New("the value is empty")

// inject sets the configured headers and gives the secrets that it set. A secret that is needed and missing refuses the
// request; where nobody is known, on public routes, headers that tell of the caller are left out, whatever the caller sends
// under their names. Secrets come from the replacer, as all placeholders do.
func inject(injected []Inject, h http.Header, repl *caddy.Replacer, identity *record.Identity) (headers.Secrets, *refusal.Refusal) {
	var sent headers.Secrets
	for i := range injected {
		header := &injected[i]
		name := http.CanonicalHeaderKey(header.Header)
		if identity == nil && strings.Contains(header.Value, "{tollgate.") {
			delete(h, name)
			continue
		}
		value, err := header.value(repl, identity, &sent)
		if err != nil {
			return nil, &refusal.Refusal{Kind: refusal.SecretMissing, Cause: fmt.Errorf("injecting %s: %w", header.Header, err)}
		}
		h[name] = []string{value}
	}
	return sent, nil
}

// value fills in the placeholders, and notes the secrets among them.
func (i *Inject) value(repl *caddy.Replacer, identity *record.Identity, sent *headers.Secrets) (string, error) {
	for _, name := range i.secrets {
		secret, _ := repl.GetString(secretPlaceholder + name)
		if secret == "" {
			return "", fmt.Errorf("workspace %s has no secret '%s'", identity.Workspace.ID, name)
		}
		*sent = append(*sent, secret)
	}
	value, err := repl.ReplaceOrErr(i.Value, false, true)
	if err == nil && value == "" {
		err = errEmptyHeader
	}
	if err == nil && !httpguts.ValidHeaderFieldValue(value) {
		err = errors.New("the value has characters that a header cannot have")
	}
	return value, err
}
