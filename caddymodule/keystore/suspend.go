package keystore

import (
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Suspend gives the change, for Admin.UpdateWorkspace, by which all keys of a workspace are refused until it is resumed. Of one
// that is suspended already only the reason changes.
func Suspend(reason string, now time.Time) func(*record.Workspace) error {
	return func(w *record.Workspace) error {
		if !w.Suspended() {
			w.SuspendedAt = now
		}
		w.SuspendedReason = reason
		return nil
	}
}

// Resume is the change that takes back Suspend.
func Resume(w *record.Workspace) error {
	w.SuspendedAt, w.SuspendedReason = time.Time{}, ""
	return nil
}
