package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

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
	seen, identity := make(map[string]bool), defaultIdentityPrefix
	if h.IdentityHeaders != "" && h.IdentityHeaders != "off" {
		identity = string(normalize(nil, h.IdentityHeaders))
	}
	for i := range h.Inject {
		header := &h.Inject[i]
		name := string(normalize(nil, header.Header))
		if !httpguts.ValidHeaderFieldName(header.Header) || notInjected[name] || strings.HasPrefix(name, identity) {
			return fmt.Errorf("'%s' is not a header that can be set", header.Header)
		}
		if seen[name] {
			return fmt.Errorf("'%s' is given twice: keep one of them", header.Header)
		}
		seen[name] = true
		if name == "authorization" && h.ForwardAuthorization {
			return errors.New("Authorization is the gateway's or the caller's: drop this line or forward_authorization")
		}
		if err := header.check(); err != nil {
			return err
		}
	}
	return nil
}

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

// inject sets the configured headers. A secret that is needed and missing refuses the request; on public routes, where
// nobody is known, headers that tell of the caller are left out, whatever the caller sends under their names.
func (c *call) inject() *refusal.Refusal {
	for i := range c.handler.Inject {
		header := &c.handler.Inject[i]
		name := http.CanonicalHeaderKey(header.Header)
		if c.verdict.Identity == nil && strings.Contains(header.Value, "{tollgate.") {
			delete(c.request.Header, name)
			continue
		}
		value, err := c.injected(header)
		if err != nil {
			return &refusal.Refusal{Kind: refusal.SecretMissing, Cause: fmt.Errorf("injecting %s: %w", header.Header, err)}
		}
		c.request.Header[name] = []string{value}
	}
	return nil
}

func (c *call) injected(header *Inject) (string, error) {
	for _, name := range header.secrets {
		secret, found := c.secret(name)
		if !found {
			return "", fmt.Errorf("workspace %s has no secret '%s'", c.verdict.Identity.Workspace.ID, name)
		}
		c.sent = append(c.sent, secret)
	}
	value, err := c.repl.ReplaceOrErr(header.Value, false, true)
	if err == nil && value == "" {
		err = errEmptyHeader
	}
	if err == nil && !httpguts.ValidHeaderFieldValue(value) {
		err = errors.New("the value has characters that a header cannot have")
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
// Where one stands in another spelling, nothing of the text is kept.
func (c *call) scrubbed(said string) string {
	for _, secret := range c.sent {
		said = withoutBeginning(strings.ReplaceAll(said, secret, "***"), secret)
	}
	if c.repeats([]byte(said)) {
		return "*** (it repeats an injected secret)"
	}
	return said
}

// withoutBeginning takes the beginning of a secret off the end of a text that was cut.
func withoutBeginning(said, secret string) string {
	text, cut := strings.CutSuffix(said, "…")
	for n := min(len(secret), len(text)); n >= 4; n-- {
		if kept, found := strings.CutSuffix(text, secret[:n]); found {
			said = kept + "***"
			if cut {
				said += "…"
			}
			break
		}
	}
	return said
}

// repeats reports whether a text of the backend holds a secret that was injected into this request, as it is or as JSON or
// a URL would write it. Some repeat the credential they refuse: nobody is shown such a text.
func (c *call) repeats(text []byte) bool {
	if len(c.sent) == 0 || len(text) == 0 {
		return false
	}
	plain := unescaped(text)
	return slices.ContainsFunc(c.sent, func(secret string) bool {
		return bytes.Contains(text, []byte(secret)) || bytes.Contains(plain, []byte(secret))
	})
}

// unescaped undoes the escapes of JSON strings and of URLs, as far as there are any: it is for looking, not for reading.
func unescaped(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 && bytes.IndexByte(text, '%') < 0 {
		return text
	}
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u':
			if r, err := strconv.ParseUint(string(rest[2:6]), 16, 16); err == nil {
				plain = utf8.AppendRune(plain, rune(r))
				i += 5
				continue
			}
		case len(rest) >= 2 && rest[0] == '\\':
			plain = append(plain, rest[1])
			i++
			continue
		case len(rest) >= 3 && rest[0] == '%':
			if b, err := strconv.ParseUint(string(rest[1:3]), 16, 8); err == nil {
				plain = append(plain, byte(b))
				i += 2
				continue
			}
		}
		plain = append(plain, rest[0])
	}
	return plain
}
