package openapi

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// needs is what an operation asks of a key.
type needs struct {
	scopes []string
	open   bool // "security: []": the document takes it for public
}

// readSchemes reads the definitions of the security schemes, which may be references.
func (d *Document) readSchemes() error {
	components, _ := d.top.get("components")
	all, found := components.get("securitySchemes")
	if !found {
		return nil
	}
	return all.each("securitySchemes", func(name string, _, value place) (err error) {
		d.schemes[name], err = d.files.resolve(value)
		return err
	})
}

// needs reads the security of an operation.
func (m *maker) needs(o *operation) (needs, error) {
	security, own := o.of.get("security")
	if !own {
		if security, own = m.top.get("security"); !own {
			return needs{}, nil
		}
		if security.node.Kind == yaml.SequenceNode && len(security.node.Content) == 0 {
			return needs{}, nil // of the whole document; what is public each operation says
		}
	}
	var alternatives []place
	optional := false
	err := security.list("security", func(alternative place) error {
		if alternative.node.Kind != yaml.MappingNode {
			return alternative.errorf("an alternative of security must be a mapping of schemes, such as key: [leads.read]")
		}
		optional = optional || len(alternative.node.Content) == 0
		alternatives = append(alternatives, alternative)
		return nil
	})
	switch {
	case err != nil:
		return needs{}, err
	case len(alternatives) == 0:
		return needs{open: true}, nil
	case optional:
		return needs{}, nil
	}
	scopes, err := m.choose(security, alternatives)
	return needs{scopes: scopes}, err
}

// choose gives the scopes of the alternative that holds: the only one, the one with a scheme that the site names, or any of those that
// keys can stand for, where all of these ask for the same.
func (m *maker) choose(security place, alternatives []place) ([]string, error) {
	if len(alternatives) == 1 {
		return m.scopes(alternatives[0])
	}
	for _, chosen := range m.options.Security {
		var with []place
		for _, alternative := range alternatives {
			if _, named := alternative.get(chosen); named {
				with = append(with, alternative)
			}
		}
		switch len(with) {
		case 0:
		case 1:
			return m.scopes(with[0])
		default:
			return nil, security.errorf("%d alternatives of security have the scheme %q, and a route has one: keep one of them", len(with), chosen)
		}
	}
	if len(m.options.Security) > 0 {
		return nil, security.errorf("no alternative of security has a scheme that the site chose (%s): name one more in 'security <scheme>', of %s",
			strings.Join(m.options.Security, ", "), schemeNames(alternatives))
	}
	var usable [][]string
	for _, alternative := range alternatives {
		if !m.stands(alternative) && slices.ContainsFunc(alternatives, m.stands) {
			continue
		}
		scopes, err := m.scopes(alternative)
		if err != nil {
			return nil, err
		}
		if slices.Sort(scopes); !slices.ContainsFunc(usable, func(known []string) bool { return slices.Equal(known, scopes) }) {
			usable = append(usable, scopes)
		}
	}
	if len(usable) == 1 {
		return usable[0], nil
	}
	return nil, security.errorf("security has %d alternatives, and a route has one: choose a scheme with 'security <scheme>', of %s", len(alternatives), schemeNames(alternatives))
}

// stands reports whether keys can stand for all schemes of an alternative.
func (m *maker) stands(alternative place) bool {
	for i := 0; i < len(alternative.node.Content); i += 2 {
		if scheme := m.schemes[alternative.node.Content[i].Value]; scheme.kind() != "" {
			return false
		}
	}
	return true
}

func schemeNames(alternatives []place) string {
	var names []string
	for _, alternative := range alternatives {
		for i := 0; i < len(alternative.node.Content); i += 2 {
			if name := alternative.node.Content[i].Value; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// scopes are those of all schemes of an alternative: it asks for all of them at once.
func (m *maker) scopes(alternative place) (all []string, err error) {
	err = alternative.each("security", func(name string, key, list place) error {
		scheme, known := m.schemes[name]
		if !known {
			return key.errorf("security scheme %q is not among components.securitySchemes", name)
		}
		if kind := scheme.kind(); kind != "" && !slices.Contains(m.options.Security, name) {
			return key.errorf("security scheme %q is %s, and callers come with a key: write 'security %s' into the block of openapi to have keys stand for it", name, kind, name)
		}
		return list.list("the scopes of "+name, func(at place) error {
			scope, err := m.names.scope(at)
			if err == nil && !slices.Contains(all, scope) {
				all = append(all, scope)
			}
			return err
		})
	})
	return all, err
}

// kind says what a scheme is that keys cannot stand for; "": they can.
func (p place) kind() string {
	kind, _ := p.get("type")
	scheme, _ := p.get("scheme")
	switch {
	case kind.node == nil:
		return "without a type"
	case kind.node.Value == "http" && scheme.node != nil && strings.EqualFold(scheme.node.Value, "bearer"):
	case kind.node.Value == "apiKey", kind.node.Value == "oauth2", kind.node.Value == "openIdConnect":
	case kind.node.Value == "http" && scheme.node != nil:
		return "http " + scheme.node.Value
	default:
		return kind.node.Value
	}
	return ""
}
