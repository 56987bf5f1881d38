package gateway

import (
	"fmt"
	"strings"
)

// placeholders makes {tollgate.…} known to later handlers: every name under it is known, and empty where nothing is set,
// so that none ever goes upstream as literal text.
func (c *call) placeholders() { c.repl.Map(c.placeholder) }

// nameUser tells access logs, and who asks for {http.auth.user.id}, whose key it was. A handler before us may have said.
func (c *call) nameUser() {
	const name = "http.auth.user.id"
	if c.verdict.Identity != nil {
		c.repl.Set(name, c.verdict.Identity.Key.ID)
	} else if _, set := c.repl.Get(name); !set {
		c.repl.Set(name, "")
	}
}

// placeholder is the replacer's function for one request.
func (c *call) placeholder(name string) (any, bool) {
	name, ours := strings.CutPrefix(name, "tollgate.")
	if !ours {
		return nil, false
	}
	switch name {
	case "route":
		return c.routePattern(), true
	case "decision":
		return c.decision(), true
	}
	identity := c.verdict.Identity
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
	if secret, found := strings.CutPrefix(name, "secret."); found {
		value, _ := c.secret(secret)
		return value, true
	}
	if field, found := strings.CutPrefix(name, "workspace.metadata."); found {
		return metadataText(identity.Workspace.Metadata, field), true
	}
	return "", true
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

// routePattern is the matched route's template; empty for an unknown path.
func (c *call) routePattern() string {
	if c.verdict.Match.Route == nil {
		return ""
	}
	return c.verdict.Match.Route.Pattern
}

// decision says in a word what became of the request: "refused" is whatever the gateway itself refused, the gate or what
// stands behind it.
func (c *call) decision() string {
	if c.writer.Report().Reason != "" {
		return "refused"
	}
	return c.judged()
}

// judged says in a word what the gate decided.
func (c *call) judged() string {
	switch {
	case c.verdict.Refusal != nil:
		return "refused"
	case c.verdict.Match.Route != nil && c.verdict.Match.Route.Public:
		return "public"
	}
	return "allowed"
}
