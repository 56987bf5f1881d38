package sqlstore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Columns in the order of the rows' fields.
const (
	workspaceColumns = `w.id, w.plan, w.limits, w.quotas, w.metadata, w.suspended_at, w.suspended_reason`
	keyColumns       = `k.id, k.workspace_id, k.name, k.scopes, k.allowed_ips, k.created_at, k.expires_at, k.disabled, k.revoked_at, k.limits`
)

// workspaceRow is a row of tollgate_workspaces.
type workspaceRow struct {
	id, plan, limits, quotas, metadata string
	suspended                          int64
	reason                             string
}

func (r *workspaceRow) fields() []any {
	return []any{&r.id, &r.plan, &r.limits, &r.quotas, &r.metadata, &r.suspended, &r.reason}
}

// values are what may change, and then the id.
func (r *workspaceRow) values() []any {
	return []any{r.plan, r.limits, r.quotas, r.metadata, r.suspended, r.reason, r.id}
}

func (r *workspaceRow) record() (*record.Workspace, error) {
	w := &record.Workspace{ID: r.id, Plan: r.plan, SuspendedAt: instant(r.suspended), SuspendedReason: r.reason}
	if err := cmp.Or(decode(r.limits, &w.Limits), decode(r.quotas, &w.Quotas), decode(r.metadata, &w.Metadata)); err != nil {
		return nil, unreadable("workspace", r.id, err)
	}
	// nil stands for none, as in every store: equal records are then deeply equal
	if len(w.Limits) == 0 {
		w.Limits = nil
	}
	if len(w.Quotas) == 0 {
		w.Quotas = nil
	}
	if len(w.Metadata) == 0 {
		w.Metadata = nil
	}
	return w, nil
}

func rowOfWorkspace(w *record.Workspace) (*workspaceRow, error) {
	limits, failed := encode(w.Limits, "[]")
	quotas, err := encode(w.Quotas, "[]")
	metadata, last := encode(w.Metadata, "{}")
	return &workspaceRow{id: w.ID, plan: w.Plan, limits: limits, quotas: quotas, metadata: metadata,
		suspended: micros(w.SuspendedAt), reason: w.SuspendedReason}, cmp.Or(failed, err, last)
}

// keyRow is a row of tollgate_keys.
type keyRow struct {
	id, workspace, name, scopes, networks string
	created, expires, disabled, revoked   int64
	limits                                string
}

func (r *keyRow) fields() []any {
	return []any{&r.id, &r.workspace, &r.name, &r.scopes, &r.networks, &r.created, &r.expires, &r.disabled, &r.revoked, &r.limits}
}

func (r *keyRow) values() []any {
	return []any{r.id, r.workspace, r.name, r.scopes, r.networks, r.created, r.expires, r.disabled, r.revoked, r.limits}
}

func (r *keyRow) record() (*record.Key, error) {
	k := &record.Key{ID: r.id, Name: r.name, CreatedAt: instant(r.created), ExpiresAt: instant(r.expires),
		Disabled: r.disabled != 0, RevokedAt: instant(r.revoked)}
	var scopes, networks []string
	err := decode(r.scopes, &scopes)
	if err == nil && len(scopes) > 0 {
		k.Scopes, err = record.ParseScopes(scopes)
	}
	if err == nil {
		err = decode(r.networks, &networks)
	}
	if err == nil && len(networks) > 0 {
		k.AllowedIPs, err = record.ParseNetworks(networks)
	}
	if err == nil {
		err = decode(r.limits, &k.Limits)
	}
	if len(k.Limits) == 0 {
		k.Limits = nil
	}
	if err != nil {
		return nil, unreadable("key", r.id, err)
	}
	return k, nil
}

func rowOfKey(k *record.Key, workspace string) (*keyRow, error) {
	scopes, failed := encode(k.Scopes, "[]")
	networks, err := encode(k.AllowedIPs, "[]")
	limits, last := encode(k.Limits, "[]")
	row := &keyRow{id: k.ID, workspace: workspace, name: k.Name, scopes: scopes, networks: networks, limits: limits,
		created: micros(k.CreatedAt), expires: micros(k.ExpiresAt), revoked: micros(k.RevokedAt)}
	if k.Disabled {
		row.disabled = 1
	}
	return row, cmp.Or(failed, err, last)
}

func unreadable(what, id string, err error) error {
	return fmt.Errorf("%w: %s %s: %w", keystore.ErrUnreadable, what, id, err)
}

func encode(value any, empty string) (string, error) {
	text, err := json.Marshal(value)
	if err != nil || string(text) == "null" {
		return empty, err
	}
	return string(text), nil
}

// decode reads JSON, numbers as json.Number: they stay as they were written.
func decode(text string, to any) error {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	return decoder.Decode(to)
}

func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
