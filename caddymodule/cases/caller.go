package cases

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// caller is who asks.
type caller struct {
	// key is an id in the store, noKey or unknownKey; empty: identity says who it is.
	key      string
	identity *record.Identity
	ip       string
}

// The two words in place of a key's id.
const (
	noKey      = "none"
	unknownKey = "unknown"
)

// unknownSecret is what a caller sends whose key nobody has. It carries no prefix, so that every gateway asks who has it.
const unknownSecret = "a-key-that-nobody-has"

// sentSecret stands for the secret of a key, which no file of cases holds: matchers in front of the gate see that one is sent.
const sentSecret = "the-secret-of-the-key"

// The ids that policies see of a caller who is described.
const (
	describedKey       = "key_described"
	describedWorkspace = "ws_described"
)

// caller reads one who asks.
func (p *parser) caller(node *yaml.Node) (*caller, error) {
	c := &caller{}
	key, workspace := &record.Key{ID: describedKey}, &record.Workspace{ID: describedWorkspace, Plan: p.defaults.plan}
	id := &record.Identity{Key: key, Workspace: workspace}
	described := ""
	describes := func(f func(*yaml.Node) error, word string) strictyaml.Field {
		return strictyaml.May(word, func(n *yaml.Node) error {
			described = word
			return f(n)
		})
	}
	err := p.Fields(node, "a caller",
		strictyaml.May("key", p.Checked(&c.key, record.CheckID)),
		describes(func(n *yaml.Node) error {
			return p.Texts(n, "scopes", func(text string) error {
				scope, err := record.ParseScope(text)
				key.Scopes = append(key.Scopes, scope)
				return err
			})
		}, "scopes"),
		describes(p.Checked(&workspace.Plan, record.CheckID), "plan"),
		strictyaml.May("address", p.address(&c.ip)),
		describes(func(n *yaml.Node) error {
			return p.Texts(n, "allowed_ips", func(text string) error {
				network, err := record.ParseNetwork(text)
				key.AllowedIPs = append(key.AllowedIPs, network)
				return err
			})
		}, "allowed_ips"),
		describes(strictyaml.Parsing(&p.Reader, "limits", &workspace.Limits, record.ParseWindows), "limits"),
		describes(strictyaml.Parsing(&p.Reader, "quotas", &workspace.Quotas, record.ParseQuotas), "quotas"),
		describes(strictyaml.Parsing(&p.Reader, "key_limits", &key.Limits, record.ParseKeyWindows), "key_limits"),
		describes(func(n *yaml.Node) (err error) {
			workspace.Metadata, err = p.Object(n, "metadata")
			return err
		}, "metadata"),
		describes(p.state(id), "state"),
		describes(p.suspended(workspace), "suspended"),
		describes(p.Checked(&workspace.ID, record.CheckID), "workspace"),
		describes(p.Checked(&key.ID, record.CheckID), "id"),
		describes(p.Checked(&key.Name, record.CheckName), "name"))
	switch {
	case err != nil:
		return nil, err
	case c.key != "" && described != "":
		return nil, p.Errorf(node, "key: %s says who the caller is, and so does %s: keep one of the two", c.key, described)
	case c.key != "":
		return c, nil
	case workspace.Plan == "":
		return nil, p.Errorf(node, "the caller has no plan: write plan here or under defaults, or key: none for one who sends no key")
	}
	if err := keystore.CheckWorkspace(workspace); err != nil {
		return nil, p.Errorf(node, "%w", err)
	}
	if err := keystore.CheckKey(key); err != nil {
		return nil, p.Errorf(node, "%w", err)
	}
	c.identity = id
	return c, nil
}

// state reads in what state the key is.
func (p *parser) state(id *record.Identity) func(*yaml.Node) error {
	over := time.Unix(1, 0)
	states := []string{"active", "disabled", "expired", "revoked", "secret_ended"}
	return func(n *yaml.Node) error {
		return p.Parsed(n, func(text string) error {
			switch text {
			case "active":
			case "disabled":
				id.Key.Disabled = true
			case "expired":
				id.Key.ExpiresAt = over
			case "revoked":
				id.Key.RevokedAt = over
			case "secret_ended":
				id.SecretExpiresAt = over
			default:
				return fmt.Errorf("%q is not a key's state: write one of %s", text, strings.Join(states, ", "))
			}
			return nil
		})
	}
}

// suspended reads whether the workspace is suspended.
func (p *parser) suspended(workspace *record.Workspace) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		suspended := false
		if err := p.Boolean(&suspended)(n); err != nil {
			return err
		}
		if suspended {
			workspace.SuspendedReason = "a case says so"
		}
		return nil
	}
}
