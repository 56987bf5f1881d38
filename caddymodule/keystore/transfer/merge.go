package transfer

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// What follows says what becomes of a record that a store holds when another of the same id comes in. What is here stays, and the
// stricter wins: a revocation, a disabling or an earlier end of either side holds, and none is ever taken back.

// KeyChange is what an import does to a key that is here.
type KeyChange struct {
	// To is the key as it shall be.
	To record.Key
	// New are the secrets that come to it.
	New []keystore.MovedSecret
	// Ends are the secrets that end earlier than they did, by their hashes.
	Ends map[record.Sum]time.Time
	// Changed says in words what is changed; nothing: nothing is.
	Changed []string
	// Differs are the fields that differ and stay as they are here.
	Differs []string
}

// MergeKey compares a key that is here with one of the same id that comes in. The error says why they cannot be one key.
func MergeKey(here, in *keystore.MovedKey, now time.Time) (*KeyChange, error) {
	if here.Workspace != in.Workspace {
		return nil, fmt.Errorf("key %s belongs to workspace %s here, and to %s in the stream", here.ID, here.Workspace, in.Workspace)
	}
	ours := make(map[record.Sum]keystore.MovedSecret, len(here.Secrets))
	for _, secret := range here.Secrets {
		ours[secret.Sum] = secret
	}
	shared := slices.ContainsFunc(in.Secrets, func(s keystore.MovedSecret) bool { _, known := ours[s.Sum]; return known })
	if !shared && len(here.Secrets) > 0 && len(in.Secrets) > 0 {
		return nil, fmt.Errorf("key %s has other secrets here than in the stream: they are two keys of one id", here.ID)
	}
	c := &KeyChange{To: here.Key, Ends: map[record.Sum]time.Time{}}
	if !here.RevokedAt.IsZero() {
		return c, nil // nothing that comes to it could matter
	}
	c.stricter(&in.Key)
	for _, secret := range in.Secrets {
		known, ok := ours[secret.Sum]
		switch {
		case !ok:
			c.New = append(c.New, secret)
		case earlier(secret.ExpiresAt, known.ExpiresAt):
			c.Ends[secret.Sum] = secret.ExpiresAt
		}
	}
	if len(c.New) > 0 {
		c.Changed = append(c.Changed, fmt.Sprintf("secrets added: %d", len(c.New)))
	}
	if len(c.Ends) > 0 {
		c.Changed = append(c.Changed, fmt.Sprintf("secrets that end earlier: %d", len(c.Ends)))
	}
	if n := c.live(here, now); len(c.New) > 0 && n > keystore.MaxSecrets {
		return nil, fmt.Errorf("key %s would have %d secrets that work: at most %d may: rotate it here with --grace 0s", here.ID, n, keystore.MaxSecrets)
	}
	return c, nil
}

// stricter takes over what ends the key, and notes what else differs.
func (c *KeyChange) stricter(in *record.Key) {
	if !in.RevokedAt.IsZero() {
		c.To.RevokedAt = in.RevokedAt
		c.Changed = append(c.Changed, "revoked")
	}
	if in.Disabled && !c.To.Disabled {
		c.To.Disabled = true
		c.Changed = append(c.Changed, "disabled")
	}
	if earlier(in.ExpiresAt, c.To.ExpiresAt) {
		c.To.ExpiresAt = in.ExpiresAt
		c.Changed = append(c.Changed, "ends earlier")
	}
	c.differs("name", in.Name, c.To.Name)
	c.differs("scopes", in.Scopes, c.To.Scopes)
	c.differs("allowed_ips", in.AllowedIPs, c.To.AllowedIPs)
	c.differs("limits", in.Limits, c.To.Limits)
	c.differs("expires_at", in.ExpiresAt, c.To.ExpiresAt)
	c.differs("disabled", in.Disabled, c.To.Disabled)
}

func (c *KeyChange) differs(name string, in, here any) {
	if !equal(in, here) {
		c.Differs = append(c.Differs, name)
	}
}

// live counts the secrets that work once the change is made.
func (c *KeyChange) live(here *keystore.MovedKey, now time.Time) (n int) {
	for _, secret := range slices.Concat(here.Secrets, c.New) {
		end := secret.ExpiresAt
		if sooner, ok := c.Ends[secret.Sum]; ok {
			end = sooner
		}
		if end.IsZero() || end.After(now) {
			n++
		}
	}
	return n
}

// earlier reports whether one end comes before another; none is never.
func earlier(a, b time.Time) bool { return !a.IsZero() && (b.IsZero() || a.Before(b)) }

// MergeWorkspace says whether a workspace that is here shall be suspended as the one that comes in, and which fields differ and
// stay as they are here.
func MergeWorkspace(here, in *record.Workspace) (suspend bool, differs []string) {
	if here.Plan != in.Plan {
		differs = append(differs, "plan")
	}
	if !equal(here.Limits, in.Limits) {
		differs = append(differs, "limits")
	}
	if !equal(here.Quotas, in.Quotas) {
		differs = append(differs, "quotas")
	}
	if !maps.EqualFunc(here.Metadata, in.Metadata, func(a, b any) bool { return reflect.DeepEqual(a, b) }) {
		differs = append(differs, "metadata")
	}
	if here.Suspended() && !in.Suspended() {
		differs = append(differs, "suspended")
	}
	return in.Suspended() && !here.Suspended(), differs
}

// equal takes nil and empty lists for the same, and instants in any zone.
func equal(a, b any) bool {
	if at, ok := a.(time.Time); ok {
		return at.Equal(b.(time.Time))
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 || reflect.DeepEqual(a, b)
}

// Why says of a record what was changed, or why it stays as it is here.
func Why(changed, differs []string) string {
	var parts []string
	if len(changed) > 0 {
		parts = append(parts, strings.Join(changed, ", "))
	}
	if len(differs) > 0 {
		parts = append(parts, "kept as it is here: "+strings.Join(differs, ", "))
	}
	return strings.Join(parts, "; ")
}
