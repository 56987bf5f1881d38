package keysapi

import (
	"net/netip"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// View is a key as callers over HTTP and commands with --json see it.
type View struct {
	ID        string `json:"id"`
	Workspace string `json:"workspace"`
	Name      string `json:"name"`
	// Secret is there only in the answer to the request that made it.
	Secret     string         `json:"secret,omitempty"`
	Scopes     []record.Scope `json:"scopes"`
	AllowedIPs []netip.Prefix `json:"allowed_ips"`
	// Limits are the key's own windows, besides those of its workspace.
	Limits    []record.Window `json:"limits"`
	CreatedAt *time.Time      `json:"created_at"`
	ExpiresAt *time.Time      `json:"expires_at"`
	Disabled  bool            `json:"disabled"`
	RevokedAt *time.Time      `json:"revoked_at"`
	// State is active, disabled, expired or revoked.
	State string `json:"state"`
	// OldSecretsExpireAt is until when the secrets that it had before work, in the answer to a rotation only.
	OldSecretsExpireAt *time.Time `json:"old_secrets_expire_at,omitempty"`
	// Secrets are the times of its secrets, oldest first.
	Secrets []SecretView `json:"secrets"`
}

// SecretView is what is known of a secret.
type SecretView struct {
	// Fingerprint tells a secret that was found somewhere: the first 8 hexadecimal digits of its SHA-256.
	Fingerprint string     `json:"fingerprint"`
	CreatedAt   *time.Time `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	// Ended says that it was rotated away and that its grace is over.
	Ended bool `json:"ended"`
}

// NewView shows a key as it stands at an instant. It never shows a secret.
func NewView(k *keystore.Key, now time.Time) *View {
	v := &View{
		ID: k.ID, Workspace: k.Workspace, Name: k.Name, Scopes: k.Scopes, AllowedIPs: k.AllowedIPs, Limits: k.Limits,
		CreatedAt: optional(k.CreatedAt), ExpiresAt: optional(k.ExpiresAt), RevokedAt: optional(k.RevokedAt),
		Disabled: k.Disabled, State: k.State(now), Secrets: []SecretView{},
	}
	if v.Scopes == nil {
		v.Scopes = []record.Scope{}
	}
	if v.AllowedIPs == nil {
		v.AllowedIPs = []netip.Prefix{}
	}
	if v.Limits == nil {
		v.Limits = []record.Window{}
	}
	for _, s := range k.Secrets {
		v.Secrets = append(v.Secrets, SecretView{s.Fingerprint, optional(s.CreatedAt), optional(s.ExpiresAt), optional(s.LastUsedAt), s.Ended(now)})
	}
	return v
}

// WorkspaceView is a workspace as commands with --json and the admin endpoint give it.
type WorkspaceView struct {
	ID       string          `json:"id"`
	Plan     string          `json:"plan"`
	Limits   []record.Window `json:"limits"`
	Quotas   []record.Quota  `json:"quotas"`
	Metadata map[string]any  `json:"metadata"`
	// Suspended is null where the workspace's keys work.
	Suspended *SuspensionView `json:"suspended"`
}

// SuspensionView is since when, where the store knows it, and why no key of a workspace is let in.
type SuspensionView struct {
	At     *time.Time `json:"at"`
	Reason string     `json:"reason"`
}

// NewWorkspaceView shows a workspace.
func NewWorkspaceView(w *record.Workspace) WorkspaceView {
	v := WorkspaceView{ID: w.ID, Plan: w.Plan, Limits: w.Limits, Quotas: w.Quotas, Metadata: w.Metadata}
	if v.Limits == nil {
		v.Limits = []record.Window{}
	}
	if v.Quotas == nil {
		v.Quotas = []record.Quota{}
	}
	if v.Metadata == nil {
		v.Metadata = map[string]any{}
	}
	if w.Suspended() {
		v.Suspended = &SuspensionView{At: optional(w.SuspendedAt), Reason: w.SuspendedReason}
	}
	return v
}

// optional is null for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
