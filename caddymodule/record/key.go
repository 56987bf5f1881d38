package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// Workspace is the customer. All its keys share its limits.
type Workspace struct {
	// ID is how backends, counters and commands know the workspace.
	ID string
	// Plan is the name of its plan; Plans.Of resolves it, and denies what is not configured.
	Plan string
	// Limits, if any, stand instead of the plan's whole list of windows. They never lift a denied plan.
	Limits []Window
	// Quotas, if any, stand instead of the plan's whole list of quotas.
	Quotas []Quota
	// Metadata are facts that policies may read: JSON values by name.
	Metadata map[string]any
	// SuspendedAt is when the workspace was suspended; zero: it was not, or the store does not know when.
	SuspendedAt time.Time
	// SuspendedReason is why, in an operator's words. No caller is shown it.
	SuspendedReason string
}

// Suspended reports whether the gateway lets none of the workspace's keys in for now. The keys are kept.
func (w *Workspace) Suspended() bool { return w.SuspendedReason != "" || !w.SuspendedAt.IsZero() }

// Suspension says since when, where that is known, and why the workspace is suspended, for operators.
func (w *Workspace) Suspension() string {
	if w.SuspendedAt.IsZero() {
		return w.SuspendedReason
	}
	return "since " + w.SuspendedAt.UTC().Format(time.RFC3339) + ": " + w.SuspendedReason
}

// Sum is the SHA-256 of a secret. It is all that is ever stored of one.
type Sum [sha256.Size]byte

// SumOf hashes a secret. The secrets carry at least 200 bits of randomness, so that a fast hash is safe.
func SumOf(secret string) Sum { return sha256.Sum256([]byte(secret)) }

// Fingerprint tells secrets apart for people: the first 8 hexadecimal digits of the hash. They say 32 of the 200 bits at
// least that a secret has, so that it can neither be looked up nor guessed by them; one that was made up by a person and
// imported might be.
func (s Sum) Fingerprint() string { return hex.EncodeToString(s[:4]) }

// Key is a Bearer secret of one workspace, without the secret.
type Key struct {
	// ID is the key's public name: logs, headers and commands use it.
	ID string
	// Name is for people.
	Name string
	// Scopes are what the key may do. None: only routes that need no scope.
	Scopes []Scope
	// AllowedIPs are the networks it may be used from. Empty: from anywhere.
	AllowedIPs []netip.Prefix
	// Limits are the key's own windows, which it is held to besides those of its workspace. Empty: only to those.
	Limits []Window
	// CreatedAt is when it was made; zero where the store does not know.
	CreatedAt time.Time
	// ExpiresAt is when it stops to work; zero: never.
	ExpiresAt time.Time
	// Disabled keys are refused until they are enabled again.
	Disabled bool
	// RevokedAt is when it was revoked, for good; zero: it was not.
	RevokedAt time.Time
}

// Identity is what a key store knows of one secret: whose it is. All of it is immutable.
type Identity struct {
	Key       *Key
	Workspace *Workspace
	// SecretExpiresAt ends this one secret of the key, after a rotation; zero: it ends with the key.
	SecretExpiresAt time.Time
}

// Usable reports whether the key may be used at the given instant.
func (i *Identity) Usable(now time.Time) bool {
	return i.State(now) == "active"
}

// GraceEnds is until when the secret of a rotated key works: no longer than the key; zero: it is
// the key's present secret.
func (i *Identity) GraceEnds() time.Time {
	if end := i.Key.ExpiresAt; !i.SecretExpiresAt.IsZero() && !end.IsZero() && end.Before(i.SecretExpiresAt) {
		return end
	}
	return i.SecretExpiresAt
}

// State says in a word whether the secret can be used at the given instant: active, secret_ended (its grace after a rotation
// is over), or what Key.State says.
func (i *Identity) State(now time.Time) string {
	if state := i.Key.State(now); state != "active" {
		return state
	}
	if !i.SecretExpiresAt.IsZero() && !now.Before(i.SecretExpiresAt) {
		return "secret_ended"
	}
	return "active"
}

// State says in a word whether the key can be used at the given instant: active, disabled, expired or revoked.
func (k *Key) State(now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked"
	case k.Disabled:
		return "disabled"
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return "expired"
	}
	return "active"
}

// ParseNetwork reads an address or a CIDR of an allowlist. Host bits that are set, IPv4 in other than four decimal
// parts, zones and IPv4-mapped IPv6 are errors: none of them says for certain what its writer meant.
func ParseNetwork(s string) (netip.Prefix, error) {
	bad := func(why string) (netip.Prefix, error) {
		return netip.Prefix{}, fmt.Errorf("address %q is not valid: %s", s, why)
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		switch {
		case addr.Zone() != "":
			return bad("a zone has no meaning in an allowlist")
		case addr.Is4In6():
			return bad("write the IPv4 address itself, " + addr.Unmap().String())
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return bad("write an IPv4 or IPv6 address or CIDR, such as 203.0.113.0/24 or 2001:db8::/32")
	case prefix.Addr().Is4In6():
		return bad("write the IPv4 network itself")
	case prefix != prefix.Masked():
		return bad("its host bits are set, write " + prefix.Masked().String())
	}
	return prefix, nil
}

// ParseNetworks reads the list of an allowlist.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		network, err := ParseNetwork(s)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}
