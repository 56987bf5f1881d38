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

// needs reads the security of an operation. Chosen is the scheme that the site names; "": none.
func (d *Document) needs(o *operation, chosen string) (needs, error) {
	security, own := o.of.get("security")
	if !own {
		if security, own = d.top.get("security"); !own {
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
	one, err := choose(security, alternatives, chosen)
	if err != nil {
		return needs{}, err
	}
	scopes, err := d.scopes(one, chosen)
	return needs{scopes: scopes}, err
}

// choose is the alternative that holds: the only one, or the one with the scheme that the site names.
func choose(security place, alternatives []place, chosen string) (place, error) {
	var with []place
	for _, alternative := range alternatives {
		if _, named := alternative.get(chosen); named || chosen == "" {
			with = append(with, alternative)
		}
	}
	switch {
	case len(with) == 1:
		return with[0], nil
	case len(with) == 0:
		return place{}, security.errorf("no alternative of security has the scheme %q that the site chose: the schemes are %s", chosen, schemeNames(alternatives))
	case chosen == "":
		return place{}, security.errorf("security has %d alternatives, and a route has one: choose a scheme with 'security <scheme>', of %s", len(with), schemeNames(with))
	}
	return place{}, security.errorf("%d alternatives of security have the scheme %q, and a route has one: keep one of them", len(with), chosen)
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
func (d *Document) scopes(alternative place, chosen string) (all []string, err error) {
	err = alternative.each("security", func(name string, key, list place) error {
		scheme, known := d.schemes[name]
		if !known {
			return key.errorf("security scheme %q is not among components.securitySchemes", name)
		}
		if kind := scheme.kind(); kind != "" && name != chosen {
			return key.errorf("security scheme %q is %s, and callers come with a key: use one of http bearer, apiKey or oauth2", name, kind)
		}
		return list.list("the scopes of "+name, func(at place) error {
			scope, err := at.text()
			if err != nil {
				return err
			}
			if strings.ContainsAny(strings.TrimLeft(strings.ReplaceAll(scope, ".:", "."), ":"), ":/ ") {
				return at.errorf("scope %q is not a dotted name, as scopes of keys are: write it with dots, such as %s", scope, dotted(scope))
			}
			if !slices.Contains(all, scope) {
				all = append(all, scope)
			}
			return nil
		})
	})
	return all, err
}

// dotted is what a scope of another style could be called.
func dotted(scope string) string {
	if at := strings.LastIndex(scope, "://"); at >= 0 {
		scope = scope[at+3:]
	}
	return strings.Trim(strings.NewReplacer(":", ".", "/", ".", " ", ".").Replace(scope), ".")
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
