package keysapi

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// reach is in which workspaces a caller may do something.
type reach uint8

const (
	nowhere    reach = iota
	home             // in its own
	everywhere       // in all
)

// authority is what a caller may do, and what it holds and can therefore grant.
type authority struct{ *record.Identity }

// reach says in which workspaces the caller may do something.
func (a authority) reach(o *Operation) reach {
	scopes := o.Scopes()
	switch {
	case covered(a.Key.Scopes, record.Scope(scopes[len(scopes)-1])):
		return everywhere
	case covered(a.Key.Scopes, record.Scope(scopes[0])):
		return home
	}
	return nowhere
}

// end is when the secret that the caller uses stops to work; zero: never.
func (a authority) end() time.Time {
	if end := a.SecretExpiresAt; !end.IsZero() && endsLater(a.Key.ExpiresAt, end) {
		return end
	}
	return a.Key.ExpiresAt
}

// holds refuses, by field, what such a key could do and the caller cannot.
func (a authority) holds(k *record.Key) error {
	lacks := map[string]any{}
	var missing []string
	for _, scope := range k.Scopes {
		if !covered(a.Key.Scopes, scope) {
			missing = append(missing, string(scope))
		}
	}
	if len(missing) > 0 {
		lacks["scopes"] = "not held by the key that asks: " + strings.Join(missing, ", ")
	}
	if wider(k.AllowedIPs, a.Key.AllowedIPs) {
		lacks["allowed_ips"] = "must lie within the allowlist of the key that asks"
	}
	if looser(k.Limits, a.Key.Limits) {
		lacks["limits"] = fmt.Sprintf("must have for each limit of the key that asks one that is at least as long and admits no more: %v", a.Key.Limits)
	}
	if end := a.end(); endsLater(k.ExpiresAt, end) {
		lacks["expires_at"] = "must not be later than the end of the key that asks: " + end.UTC().Format(time.RFC3339)
	}
	if len(lacks) == 0 {
		return nil
	}
	return beyond(lacks)
}

// widens reports whether a changed key can do anything that it could not do before.
func widens(before, after *record.Key) bool {
	beyond := func(scope record.Scope) bool { return !covered(before.Scopes, scope) }
	return slices.ContainsFunc(after.Scopes, beyond) || wider(after.AllowedIPs, before.AllowedIPs) ||
		looser(after.Limits, before.Limits) || endsLater(after.ExpiresAt, before.ExpiresAt) || before.Disabled && !after.Disabled
}

// covered reports whether one of the scopes held covers all that the wanted one does.
func covered(held []record.Scope, wanted record.Scope) bool {
	return slices.ContainsFunc(held, func(s record.Scope) bool {
		return s.Covers(string(wanted)) && (s != "*" || !reachesBeyond(wanted))
	})
}

// reachesBeyond tells the scopes that lead out of the own workspace.
func reachesBeyond(scope record.Scope) bool {
	return scope == "tollgate.*" || strings.HasPrefix(string(scope), "tollgate.admin.")
}

// wider reports whether an allowlist lets in any address that the other does not. An empty one lets in all.
func wider(list, than []netip.Prefix) bool {
	if len(than) == 0 {
		return false
	}
	outside := func(n netip.Prefix) bool {
		return !slices.ContainsFunc(than, func(t netip.Prefix) bool { return t.Bits() <= n.Bits() && t.Contains(n.Addr()) })
	}
	return len(list) == 0 || slices.ContainsFunc(list, outside)
}

// looser reports whether a key's own windows let through, at worst, more than others would: one of those has none here that is at least as
// long and admits no more. Without any windows there is no limit.
func looser(windows, than []record.Window) bool {
	return slices.ContainsFunc(than, func(t record.Window) bool {
		return !slices.ContainsFunc(windows, func(w record.Window) bool { return w.Duration >= t.Duration && w.Limit <= t.Limit })
	})
}

// endsLater compares ends, of which the zero time is the latest.
func endsLater(end, than time.Time) bool {
	return !than.IsZero() && (end.IsZero() || end.After(than))
}
