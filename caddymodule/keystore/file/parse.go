package file

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// maxSize is the largest keys file, in bytes. More keys than this holds belong into a database.
const maxSize = 64 << 20

// snapshot is the whole content of a keys file, immutable.
type snapshot struct {
	identities map[record.Sum]*record.Identity
	workspaces map[string]*record.Workspace
	keys       map[string]*record.Identity
	pieces     map[[sha256.Size]byte]*piece // by the SHA-256 of their text; nil: the file was read as a whole
}

func newSnapshot() *snapshot {
	return &snapshot{
		identities: map[record.Sum]*record.Identity{},
		workspaces: map[string]*record.Workspace{},
		keys:       map[string]*record.Identity{},
	}
}

// Parse reads a keys file, YAML or JSON, and gives its identities by the SHA-256 of their secrets. Its errors name
// the file, the line and what to do.
func Parse(name string, data []byte) (map[record.Sum]*record.Identity, error) {
	s, err := parse(name, data, nil)
	if err != nil {
		return nil, err
	}
	return s.identities, nil
}

// parse reads a keys file of which an older state was read before, or nil.
func parse(name string, data []byte, old *snapshot) (*snapshot, error) {
	if len(data) <= maxSize {
		if s := byPieces(data, old); s != nil {
			return s, nil
		}
	}
	return parseWhole(name, data)
}

func parseWhole(name string, data []byte) (*snapshot, error) {
	p := parser{Reader: strictyaml.Reader{Name: name}, snapshot: newSnapshot(), lines: map[any]int{}}
	root, err := p.document(data)
	if err != nil {
		return nil, err
	}
	if err := p.file(root); err != nil {
		return nil, err
	}
	return p.snapshot, nil
}

// parser walks the nodes of a keys file. It does not decode into structs: their errors would name no line.
type parser struct {
	strictyaml.Reader
	*snapshot
	lines map[any]int // where an id or a sum was first seen
}

func (p *parser) document(data []byte) (*yaml.Node, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: the file has %d bytes, at most %d are read: keep so many keys in a database", p.Name, len(data), maxSize)
	}
	return p.Document(data, "write \"workspaces: []\" if nobody shall have a key", "keep all workspaces in one")
}

func (p *parser) file(root *yaml.Node) error {
	var workspaces *yaml.Node
	err := p.Fields(root, "the file", strictyaml.Must("workspaces", func(n *yaml.Node) error { workspaces = n; return nil }))
	if err != nil {
		return err
	}
	return p.List(workspaces, "workspaces", p.workspace)
}

func (p *parser) workspace(node *yaml.Node) error {
	workspace := &record.Workspace{}
	var keys *yaml.Node
	err := p.Fields(node, "a workspace",
		strictyaml.Must("id", p.id("workspace", &workspace.ID)),
		strictyaml.Must("plan", p.Checked(&workspace.Plan, record.CheckID)),
		strictyaml.May("limits", strictyaml.Parsing(&p.Reader, "limits", &workspace.Limits, record.ParseWindows)),
		strictyaml.May("quotas", strictyaml.Parsing(&p.Reader, "quotas", &workspace.Quotas, record.ParseQuotas)),
		strictyaml.May("metadata", func(n *yaml.Node) (err error) {
			workspace.Metadata, err = p.Object(n, "metadata")
			return err
		}),
		strictyaml.May("suspended", p.reason(&workspace.SuspendedReason)),
		strictyaml.May("keys", func(n *yaml.Node) error { keys = n; return nil }),
	)
	if err != nil {
		return err
	}
	if err := keystore.CheckWorkspace(workspace); err != nil {
		return p.Errorf(node, "%w", err)
	}
	p.workspaces[workspace.ID] = workspace
	if keys == nil {
		return nil
	}
	return p.List(keys, "keys", func(n *yaml.Node) error { return p.key(n, workspace) })
}

func (p *parser) key(node *yaml.Node, workspace *record.Workspace) error {
	key := &record.Key{}
	var sum record.Sum
	err := p.Fields(node, "a key",
		strictyaml.Must("id", p.id("key", &key.ID)),
		strictyaml.May("name", p.Checked(&key.Name, record.CheckName)),
		strictyaml.Must("sha256", p.sum(&sum)),
		strictyaml.May("scopes", func(n *yaml.Node) error {
			return p.Texts(n, "scopes", func(s string) error {
				scope, err := record.ParseScope(s)
				key.Scopes = append(key.Scopes, scope)
				return err
			})
		}),
		strictyaml.May("allowed_ips", func(n *yaml.Node) error {
			return p.Texts(n, "allowed_ips", func(s string) error {
				network, err := record.ParseNetwork(s)
				key.AllowedIPs = append(key.AllowedIPs, network)
				return err
			})
		}),
		strictyaml.May("limits", strictyaml.Parsing(&p.Reader, "limits", &key.Limits, record.ParseKeyWindows)),
		strictyaml.May("expires_at", p.instant(&key.ExpiresAt)),
		strictyaml.May("disabled", p.Boolean(&key.Disabled)),
	)
	if err != nil {
		return err
	}
	if err := keystore.CheckNewKey(key); err != nil {
		return p.Errorf(node, "%w", err)
	}
	identity := &record.Identity{Key: key, Workspace: workspace}
	p.identities[sum], p.keys[key.ID] = identity, identity
	return nil
}

// id reads the id of a workspace or key and refuses its second use.
func (p *parser) id(what string, to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := p.Checked(to, record.CheckID)(n); err != nil {
			return err
		}
		return p.once(n, what+" id "+*to, what+" id "+*to)
	}
}

// reason reads why a workspace is suspended. The word stands there only for one that is: true and false say nothing.
func (p *parser) reason(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
			return p.Errorf(n, "suspended is not a reason: write why in a few words, or leave the word out for a workspace that is not suspended")
		}
		return p.Checked(to, record.CheckReason)(n)
	}
}

// sum reads a SHA-256 in hexadecimal.
func (p *parser) sum(to *record.Sum) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		text, err := p.Text(n)
		if err != nil {
			return err
		}
		decoded, err := hex.DecodeString(text)
		if err != nil || len(decoded) != len(to) {
			// The text is not repeated: it may be the secret itself, pasted by mistake.
			return p.Errorf(n, "sha256 is not the SHA-256 of a secret: write its 64 hexadecimal digits")
		}
		copy(to[:], decoded)
		return p.once(n, *to, "this sha256")
	}
}

func (p *parser) once(n *yaml.Node, value any, what string) error {
	if line, seen := p.lines[value]; seen {
		return p.Errorf(n, "%s already stands in line %d: every id and every sha256 may stand once", what, line)
	}
	p.lines[value] = n.Line
	return nil
}

func (p *parser) instant(to *time.Time) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return p.Parsed(n, func(s string) (err error) {
			*to, err = keystore.ParseTime(s)
			return err
		})
	}
}
