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

// maxFillSteps bounds the search for the values of parameters by which a key has all scopes.
const maxFillSteps = 10_000

// ScopesFor gives the scopes that the route needs, with values of its parameters for which a key with the held scopes has all of
// them. Where there are none it gives other values.
func (r *Route) ScopesFor(held []record.Scope) []string {
	if !slices.ContainsFunc(r.Scopes, func(s string) bool { return strings.Contains(s, ":") }) {
		return r.Scopes
	}
	needed := make([][]string, len(r.Scopes))
	for n, scope := range r.Scopes {
		needed[n] = strings.Split(scope, ".")
	}
	steps := maxFillSteps
	values := map[string]string{}
	fill(needed, held, values, &steps)
	scopes := make([]string, len(needed))
	for n, segments := range needed {
		segments = slices.Clone(segments)
		for i, segment := range segments {
			if name, isParam := strings.CutPrefix(segment, ":"); isParam {
				if segments[i] = values[name]; segments[i] == "" {
					segments[i] = "x" // any value will do, or none
				}
			}
		}
		scopes[n] = strings.Join(segments, ".")
	}
	return scopes
}

// fill chooses values of the parameters so that the held scopes cover all that are needed, if it can.
func fill(needed [][]string, held []record.Scope, values map[string]string, steps *int) bool {
	if len(needed) == 0 {
		return true
	}
	for _, scope := range held {
		if *steps--; *steps < 0 {
			return false
		}
		chosen, covers := choose(needed[0], strings.Split(string(scope), "."), values)
		if covers && fill(needed[1:], held, values, steps) {
			return true
		}
		for _, name := range chosen {
			delete(values, name)
		}
	}
	return false
}

// choose adds to values what a held scope asks of the parameters of a needed one, and gives their names.
func choose(needed, held []string, values map[string]string) (chosen []string, covers bool) {
	for n, segment := range held {
		switch {
		case n >= len(needed):
			return chosen, false
		case segment == wildcard:
			return chosen, true
		}
		name, isParam := strings.CutPrefix(needed[n], ":")
		switch value, known := values[name]; {
		case !isParam && segment != needed[n], isParam && known && value != segment:
			return chosen, false
		case isParam && !known:
			values[name] = segment
			chosen = append(chosen, name)
		}
	}
	return chosen, len(held) == len(needed)
}
