package sqlstore

import (
	"encoding/json"
	"reflect"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// workspaceDetails are the new values of what differs, for the history. Before is nil for a new workspace.
func workspaceDetails(before, after *record.Workspace) map[string]any {
	if before == nil {
		before = &record.Workspace{}
	}
	details := map[string]any{}
	differ(details, "plan", before.Plan, after.Plan)
	differ(details, "limits", before.Limits, after.Limits)
	differ(details, "quotas", before.Quotas, after.Quotas)
	differ(details, "metadata", before.Metadata, after.Metadata)
	differ(details, "suspended_at", before.SuspendedAt, after.SuspendedAt)
	if _, differs := details["suspended_at"]; differs && after.SuspendedAt.IsZero() {
		details["suspended_at"] = nil
	}
	differ(details, "suspended_reason", before.SuspendedReason, after.SuspendedReason)
	return details
}

// bars reports whether a change of a workspace, by its details, took away what its keys could do. One that cannot be read
// is taken for one that did.
func bars(details string) bool {
	var told struct {
		Deleted bool   `json:"deleted"`
		Reason  string `json:"suspended_reason"`
	}
	return json.Unmarshal([]byte(details), &told) != nil || told.Deleted || told.Reason != ""
}

// keyDetails are the new values of what differs, for the history.
func keyDetails(before, after *record.Key) map[string]any {
	details := map[string]any{}
	differ(details, "name", before.Name, after.Name)
	differ(details, "scopes", before.Scopes, after.Scopes)
	differ(details, "allowed_ips", before.AllowedIPs, after.AllowedIPs)
	differ(details, "limits", before.Limits, after.Limits)
	differ(details, "expires_at", before.ExpiresAt, after.ExpiresAt)
	differ(details, "disabled", before.Disabled, after.Disabled)
	differ(details, "revoked_at", before.RevokedAt, after.RevokedAt)
	return details
}

func differ(details map[string]any, name string, before, after any) {
	b, a := reflect.ValueOf(before), reflect.ValueOf(after)
	if (b.Kind() == reflect.Slice || b.Kind() == reflect.Map) && b.Len() == 0 && a.Len() == 0 {
		return // nil and empty are the same
	}
	if !reflect.DeepEqual(before, after) {
		details[name] = after
	}
}
