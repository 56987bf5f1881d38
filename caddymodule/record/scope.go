package record

import (
	"fmt"
	"strings"
	"unicode/utf8"
	"unique"
)

// Scope is a dotted name that a key holds. Its last segment may be "*": "agent.*" covers every scope that begins
// "agent.", at any depth, never "agent" itself; "*" alone covers all. Scopes are case-sensitive.
type Scope string

// MaxScopeLength is the longest scope, in bytes.
const MaxScopeLength = 128

// ParseScope reads a scope as a key may hold it.
func ParseScope(s string) (Scope, error) {
	if s == "" {
		return "", fmt.Errorf("a scope is empty: write a dotted name such as agent.leads.read")
	}
	if len(s) > MaxScopeLength {
		return "", fmt.Errorf("scope %q… has %d characters: at most %d are allowed", s[:32], len(s), MaxScopeLength)
	}
	segments := strings.Split(s, ".")
	for i, segment := range segments {
		if segment == "*" && i == len(segments)-1 {
			break
		}
		if strings.Contains(segment, "*") {
			return "", fmt.Errorf("scope %q: '*' may stand only as the whole last segment, as in agent.*", s)
		}
		if err := checkSegment(s, segment); err != nil {
			return "", err
		}
	}
	return Scope(unique.Make(s).Value()), nil // many keys have the same scopes: one text in memory is enough
}

// ParseScopes reads a list of scopes as a key may hold them.
func ParseScopes(list []string) ([]Scope, error) {
	scopes := make([]Scope, 0, len(list))
	for _, s := range list {
		scope, err := ParseScope(s)
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, scope)
	}
	return scopes, nil
}

func checkSegment(scope, segment string) error {
	if segment == "" {
		return fmt.Errorf("scope %q has an empty segment: write a dotted name such as agent.leads.read", scope)
	}
	for _, r := range segment {
		if r >= utf8.RuneSelf || !isAlphanumeric(byte(r)) && r != '_' && r != '-' {
			return fmt.Errorf("scope %q: %q is not allowed: segments are made of A-Z a-z 0-9 _ -", scope, r)
		}
	}
	return nil
}

// MayCover reports whether holding s grants the scope that a route needs as it is written, for some values of its parameters:
// ":name" stands for any one segment.
func (s Scope) MayCover(needed string) bool {
	held, need := strings.Split(string(s), "."), strings.Split(needed, ".")
	for n, segment := range held {
		switch {
		case segment == "*":
			return len(need) > n
		case n >= len(need) || segment != need[n] && !strings.HasPrefix(need[n], ":"):
			return false
		}
	}
	return len(held) == len(need)
}

// Covers reports whether holding s grants the scope that a route needs.
func (s Scope) Covers(needed string) bool {
	if s == "*" {
		return true
	}
	if prefix, wildcard := strings.CutSuffix(string(s), "*"); wildcard {
		return len(needed) > len(prefix) && strings.HasPrefix(needed, prefix)
	}
	return string(s) == needed
}
