package gateway

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/caddymodule/secrets"
)

// secretPlaceholder begins the placeholders of a workspace's secrets.
const secretPlaceholder = "tollgate.secret."

// placeholders makes {tollgate.…} known to later handlers: every name under it is known, and empty where nothing is set,
// so that none ever goes upstream as literal text.
type placeholders struct {
	told    *told
	secrets *secrets.Folder  // nil: none are configured
	writer  *envelope.Writer // nil: nothing is answered
}

// reason is why the gateway refused behind the gate; empty: it did not, so far.
func (p *placeholders) reason() string {
	if p.writer == nil {
		return ""
	}
	return p.writer.Report().Reason
}

// value is the replacer's function for one request.
func (p *placeholders) value(name string) (any, bool) {
	name, ours := strings.CutPrefix(name, "tollgate.")
	if !ours {
		return nil, false
	}
	switch name {
	case "route":
		return p.told.pattern(), true
	case "decision":
		return p.told.decision(p.reason()), true
	}
	identity := p.told.identity
	if identity == nil {
		return "", true
	}
	switch name {
	case "workspace.id":
		return identity.Workspace.ID, true
	case "workspace.plan":
		return identity.Workspace.Plan, true
	case "key.id":
		return identity.Key.ID, true
	case "key.name":
		return identity.Key.Name, true
	}
	if secret, found := strings.CutPrefix(name, "secret."); found && p.secrets != nil {
		value, _ := p.secrets.Value(identity.Workspace.ID, secret)
		return value, true
	}
	if field, found := strings.CutPrefix(name, "workspace.metadata."); found {
		return metadataText(identity.Workspace.Metadata, field), true
	}
	return "", true
}

// nameUser tells access logs, and who asks for {http.auth.user.id}, whose key it was. A handler before us may have said.
func nameUser(repl *caddy.Replacer, identity *record.Identity) {
	const name = "http.auth.user.id"
	if identity != nil {
		repl.Set(name, identity.Key.ID)
	} else if _, set := repl.Get(name); !set {
		repl.Set(name, "")
	}
}

// metadataText is a fact about the workspace as text; empty where there is none. Dots lead into nested objects.
func metadataText(metadata map[string]any, field string) string {
	if value, found := metadata[field]; found {
		return text(value)
	}
	head, rest, nested := strings.Cut(field, ".")
	if inner, ok := metadata[head].(map[string]any); ok && nested {
		return metadataText(inner, rest)
	}
	return ""
}

func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	}
	return fmt.Sprint(value)
}

// told is what may be asked of a verdict at any time, also when the request has ended.
type told struct {
	identity *record.Identity // nil: nobody is known
	route    *route.Route     // nil: none matched
	refused  bool             // by the gate
}

// of takes it from the verdict.
func (t *told) of(v *gate.Verdict) {
	*t = told{v.Identity, v.Match.Route, v.Refusal != nil}
}

// pattern is the matched route's template; empty for an unknown path.
func (t *told) pattern() string {
	if t.route == nil {
		return ""
	}
	return t.route.Pattern
}

// decision says in a word what became of the request: "refused" is whatever the gateway itself refused, the gate or, with the
// reason that the answer's report has, what stands behind it.
func (t *told) decision(reason string) string {
	switch {
	case t.refused || reason != "":
		return "refused"
	case t.route != nil && (t.route.Public || t.route.Describes && t.identity == nil):
		return "public"
	}
	return "allowed"
}
