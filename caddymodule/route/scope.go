package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// checkScopes checks the scopes that a route needs, in which a segment ":name" stands for a parameter's value, and
// reports whether there is such a segment.
func checkScopes(scopes []string, p *pattern) (filled bool, err error) {
	for i, scope := range scopes {
		if slices.Contains(scopes[:i], scope) {
			return false, fmt.Errorf("scope %q is needed twice: keep one of them", scope)
		}
		if len(scope) > record.MaxScopeLength {
			return false, fmt.Errorf("scope %q… has %d characters: at most %d are allowed", scope[:32], len(scope), record.MaxScopeLength)
		}
		if strings.Contains(scope, ",") {
			return false, fmt.Errorf("scope %q: separate scopes with spaces, not with commas", scope)
		}
		for segment := range strings.SplitSeq(scope, ".") {
			name, isParam := strings.CutPrefix(segment, ":")
			if err := checkScopeSegment(segment, name, isParam, p); err != nil {
				return false, fmt.Errorf("scope %q: %w", scope, err)
			}
			filled = filled || isParam
		}
	}
	return filled, nil
}

func checkScopeSegment(segment, name string, isParam bool, p *pattern) error {
	if strings.Contains(segment, wildcard) {
		return errors.New("'*' is for the scopes of a key: a route names what it needs, and the wildcard of a template is not a parameter")
	}
	if isParam {
		if !p.has(name) {
			return fmt.Errorf("the template has no parameter :%s", name)
		}
		return nil
	}
	_, err := record.ParseScope(segment)
	return err
}

// fillScopes puts the scopes that the route needs into m.Scopes, with the values of the parameters they name.
func fillScopes(scopes []string, m *Match) error {
	m.filled = m.filled[:0]
	for _, scope := range scopes {
		var buf [record.MaxScopeLength]byte
		filled := buf[:0]
		for segment := range strings.SplitSeq(scope, ".") {
			if name, isParam := strings.CutPrefix(segment, ":"); isParam {
				segment = m.value(name)
				if !isScopeSegment(segment) {
					return ErrScopeParam
				}
			}
			if len(filled) > 0 {
				filled = append(filled, '.')
			}
			filled = append(filled, segment...)
		}
		if len(filled) > record.MaxScopeLength {
			return ErrScopeParam
		}
		m.filled = append(m.filled, string(filled))
	}
	m.Scopes = m.filled
	return nil
}

// value is the value of the parameter of that name, "" where there is none.
func (m *Match) value(name string) string {
	for _, p := range m.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// isScopeSegment reports whether a parameter's value may stand in a scope: [A-Za-z0-9_-]+, so that it neither adds
// segments nor becomes a wildcard.
func isScopeSegment(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return value != ""
}
