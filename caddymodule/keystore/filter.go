package keystore

import (
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// KeyFilter says which keys are asked for: those of which all holds that is set. The zero value asks for all.
type KeyFilter struct {
	// Workspace is whose keys; empty: of all.
	Workspace string
	// Now is the clock by which keys have ended. It must be set with the next two, which leave out keys that are revoked or
	// have ended: there is nothing left to do about them.
	Now time.Time
	// UnusedSince asks for keys that were not used at that time or later; those never used count from when they were made.
	UnusedSince time.Time
	// EndBy asks for keys that end at that time or before.
	EndBy time.Time
	// Scope asks for keys that hold a scope which covers this one.
	Scope record.Scope
}

// Covering are all scopes that cover the one asked for.
func (f *KeyFilter) Covering() []string {
	if f.Scope == "" {
		return nil
	}
	covering := []string{"*"}
	if f.Scope != "*" {
		covering = append(covering, string(f.Scope))
	}
	for at, r := range string(f.Scope) {
		if prefix := string(f.Scope)[:at]; r == '.' && prefix+".*" != string(f.Scope) {
			covering = append(covering, prefix+".*")
		}
	}
	return covering
}

// Asks reports whether a key is one of those asked for.
func (f *KeyFilter) Asks(k *Key) bool {
	dead := func() bool { return !k.RevokedAt.IsZero() || !k.ExpiresAt.IsZero() && !f.Now.Before(k.ExpiresAt) }
	used := func(s Secret) bool { return !s.LastUsedAt.Before(f.UnusedSince) }
	switch {
	case f.Workspace != "" && k.Workspace != f.Workspace:
		return false
	case !f.UnusedSince.IsZero() && (dead() || !k.CreatedAt.Before(f.UnusedSince) || slices.ContainsFunc(k.Secrets, used)):
		return false
	case !f.EndBy.IsZero() && (dead() || k.ExpiresAt.IsZero() || k.ExpiresAt.After(f.EndBy)):
		return false
	}
	return f.Scope == "" || slices.ContainsFunc(k.Scopes, func(s record.Scope) bool { return s.Covers(string(f.Scope)) })
}
