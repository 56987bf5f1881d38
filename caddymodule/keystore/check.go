package keystore

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Bounds of what one record may hold. Scopes go upstream in one header.
const (
	MaxScopes   = 100
	MaxNetworks = 1000
	MaxMetadata = 64 << 10 // bytes, as JSON
	// MaxSecrets is how many secrets of one key may work at the same time. A keys file gives each key one.
	MaxSecrets = 8
)

// CheckWorkspace says what is wrong with a workspace; the error is a *Problem with the field.
func CheckWorkspace(w *record.Workspace) error {
	if err := record.CheckID(w.ID); err != nil {
		return invalid("id", err)
	}
	if err := record.CheckID(w.Plan); err != nil {
		return invalid("plan", err)
	}
	if err := checkLimits(w.Limits, record.ParseWindows); err != nil {
		return invalid("limits", err)
	}
	if err := record.CheckQuotas(w.Quotas); err != nil {
		return invalid("quotas", err)
	}
	if w.Suspended() {
		if err := record.CheckReason(w.SuspendedReason); err != nil {
			return invalid("suspended", err)
		}
	}
	metadata, err := json.Marshal(w.Metadata)
	if err != nil {
		return invalid("metadata", fmt.Errorf("metadata is not JSON: %w", err))
	}
	if len(metadata) > MaxMetadata {
		return invalid("metadata", fmt.Errorf("metadata has %d bytes as JSON: at most %d are allowed", len(metadata), MaxMetadata))
	}
	return nil
}

// checkLimits holds windows to what parse reads: a limit and a duration each. What else a window may say is said where it is counted.
func checkLimits(limits []record.Window, parse func([]string) ([]record.Window, error)) error {
	texts := make([]string, len(limits))
	for i, window := range limits {
		texts[i] = window.String()
	}
	read, err := parse(texts)
	if err == nil && !slices.Equal(read, limits) {
		return fmt.Errorf("a window of a record is a limit and a duration alone, such as 60/1m: %v says more", limits)
	}
	return err
}

// CheckKey says what is wrong with a key; the error is a *Problem with the field.
func CheckKey(k *record.Key) error {
	if err := record.CheckID(k.ID); err != nil {
		return invalid("id", err)
	}
	if k.Name != "" {
		if err := record.CheckName(k.Name); err != nil {
			return invalid("name", err)
		}
	}
	if len(k.Scopes) > MaxScopes {
		return invalid("scopes", fmt.Errorf("%d scopes are too many: at most %d are allowed, agent.* covers many", len(k.Scopes), MaxScopes))
	}
	for _, scope := range k.Scopes {
		if _, err := record.ParseScope(string(scope)); err != nil {
			return invalid("scopes", err)
		}
	}
	if len(k.AllowedIPs) > MaxNetworks {
		return invalid("allowed_ips", fmt.Errorf("%d addresses are too many: at most %d are allowed", len(k.AllowedIPs), MaxNetworks))
	}
	for _, network := range k.AllowedIPs {
		if _, err := record.ParseNetwork(network.String()); err != nil {
			return invalid("allowed_ips", err)
		}
	}
	if err := checkLimits(k.Limits, record.ParseKeyWindows); err != nil {
		return invalid("limits", err)
	}
	if year := k.ExpiresAt.Year(); year > 9999 {
		return invalid("expires_at", fmt.Errorf("the year %d is out of range", year))
	}
	return nil
}

// ReservedKeyIDs are the ids that no key may have: over HTTP something else stands under these names beside the keys.
var ReservedKeyIDs = []string{"workspaces", "usage"}

// CheckNewKey says what is wrong with a key to be made; the error is a *Problem with the field.
func CheckNewKey(k *record.Key) error {
	if slices.Contains(ReservedKeyIDs, k.ID) {
		return invalid("id", fmt.Errorf("key id %q is taken: over HTTP something else stands there; write another", k.ID))
	}
	return CheckKey(k)
}

// CheckExpiry refuses an expiry that is given but past: nobody makes a dead key on purpose.
func CheckExpiry(expires, now time.Time) error {
	if expires.IsZero() || expires.After(now) {
		return nil
	}
	return invalid("expires_at", fmt.Errorf("expiry %s is in the past: to end a key now, disable or revoke it", expires.UTC().Format(time.RFC3339)))
}

// CheckRotation refuses a further secret for a key that has MaxSecrets which go on to work for the grace. Every rotation with
// a long grace would otherwise leave one more credential that nobody keeps count of.
func CheckRotation(k *Key, grace time.Duration, now time.Time) error {
	live, first := 0, time.Time{}
	for _, secret := range k.Secrets {
		end := secret.ExpiresAt
		if limit := now.Add(grace); end.IsZero() || end.After(limit) {
			end = limit // the rotation would set it
		}
		if !end.After(now) {
			continue
		}
		live++
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	if live < MaxSecrets {
		return nil
	}
	return invalid("grace", fmt.Errorf("key %s has %d secrets that work, and no more are allowed: rotate it with a grace of 0s, which ends them all, or wait until %s",
		k.ID, live, first.UTC().Format(time.RFC3339)))
}

func invalid(field string, err error) error {
	return &Problem{Kind: ErrInvalid, Field: field, Text: err.Error()}
}
