package command

import (
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// suspendWorkspace refuses all keys of a workspace until it is resumed. Of one that is suspended already only the reason changes.
func suspendWorkspace(i *invocation) error {
	if err := record.CheckReason(i.text("reason")); err != nil {
		return err
	}
	return i.changeSuspension("suspended", keystore.Suspend(i.text("reason"), time.Now()))
}

// resumeWorkspace takes back suspend: the keys that worked before work again.
func resumeWorkspace(i *invocation) error {
	return i.changeSuspension("resumed", keystore.Resume)
}

func (i *invocation) changeSuspension(did string, change func(*record.Workspace) error) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		var before record.Workspace
		workspace, err := s.UpdateWorkspace(i, act, i.args[0], func(w *record.Workspace) error {
			before = *w
			return change(w)
		})
		if err != nil {
			return done{}, err
		}
		d := i.doneWorkspace(did, workspace)
		d.nothing = before.SuspendedReason == workspace.SuspendedReason && before.SuspendedAt.Equal(workspace.SuspendedAt)
		return d, nil
	})
}

// suspendedOrNot is whether a workspace's keys are refused, since when and why, for people.
func suspendedOrNot(w *record.Workspace) string {
	if !w.Suspended() {
		return "no"
	}
	return fmt.Sprintf("yes, %s", w.Suspension())
}
