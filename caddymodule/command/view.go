package command

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// createdView is a key as --json gives it when it got a secret a moment ago.
type createdView struct {
	ID         string          `json:"id"`
	Secret     string          `json:"secret"`
	Workspace  string          `json:"workspace"`
	Name       string          `json:"name"`
	Scopes     []record.Scope  `json:"scopes"`
	AllowedIPs []netip.Prefix  `json:"allowed_ips"`
	Limits     []record.Window `json:"limits"`
	ExpiresAt  *time.Time      `json:"expires_at"`
	// OldSecretsExpireAt is there after a rotation only.
	OldSecretsExpireAt *time.Time `json:"old_secrets_expire_at,omitempty"`
}

// lastUse is when any secret of the key was last used; zero: never.
func lastUse(k *keystore.Key) (last time.Time) {
	for _, secret := range k.Secrets {
		if secret.LastUsedAt.After(last) {
			last = secret.LastUsedAt
		}
	}
	return last
}

// compactJSON writes a value on one line; nothing at all of it: "-".
func compactJSON[T any](m map[string]T) string {
	if len(m) == 0 {
		return "-"
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "?"
	}
	return string(text)
}
