package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// errNoLedger is why the past of a quota cannot be looked up where none is kept: a keys file may give a workspace one.
var errNoLedger = errors.New("no ledger is kept: write usage sqlite <path> into the global options")

// errBehind is why a quota's past is not looked up while booking fails.
var errBehind = errors.New("the ledger cannot be written, and lacks what was granted meanwhile")

// past is what a workspace spent of a quota's period: limits.Past.
func (a *App) past(ctx context.Context, workspace string, begin, end int64) (spent int64, err error) {
	ledger := a.ledger.Value
	switch {
	case ledger == nil:
		err = errNoLedger
	case ledger.writer.Behind():
		err = errBehind
	default:
		const day = 24 * 60 * 60
		spent, err = a.usageKeys.Value.Store().(usage.Keeper).Spent(ctx, workspace, begin/day, end/day)
	}
	if failing := err != nil; a.pastFails.Swap(failing) != failing {
		if failing {
			a.logger.Error("what was used of quotas cannot be read: on_outage decides", zap.Error(err),
				zap.String("do", "see that the database of usage can be reached and written; it is asked again by itself"))
		} else {
			a.logger.Info("what was used of quotas can be read again")
		}
	}
	return spent, err
}

// checkQuotas refuses quotas whose past nobody would know.
func (a *App) checkQuotas() error {
	if a.ledger.Value != nil {
		return nil
	}
	for _, plan := range a.Plans {
		if len(plan.Quotas) > 0 {
			return fmt.Errorf("%s: plan %s has a quota, and no usage is kept, from which its count comes back after a restart: write usage sqlite <path> into the global options", plan.Source, plan.Name)
		}
	}
	return nil
}

// warnOfQuotas tells operators of each quota of which this request used so much that the plan warns: of all requests that spend
// of a quota, on whatever gateway, one does.
func (c *call) warnOfQuotas() {
	plan, state := c.verdict.Plan, &c.verdict.Limits
	if plan == nil || plan.Warn == 0 || !c.verdict.Counted || c.verdict.Refusal != nil {
		return
	}
	for i := range state.Len() {
		status := state.Status(i)
		if !plan.Warned(&status.Window, status.Used) || plan.Warned(&status.Window, status.Used-c.verdict.Match.Route.Cost) {
			continue
		}
		meters.QuotaWarnings.WithLabelValues(plan.Name, status.Window.Period.String()).Inc()
		if check := c.handler.logger.Check(zapcore.WarnLevel, "a workspace has used most of its quota"); check != nil {
			check.Write(zap.String("workspace", c.verdict.Identity.Workspace.ID), zap.String("plan", plan.Name),
				zap.String("quota", status.Window.String()), zap.Int64("used", status.Used), zap.String("warn", strconv.FormatInt(plan.Warn, 10)+"%"),
				zap.String("ends", time.Unix(status.Reset, 0).UTC().Format(time.RFC3339)))
		}
	}
}
