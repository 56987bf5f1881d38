package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// Usage says where the ledger of what workspaces used is kept, and for how long.
type Usage struct {
	// Off keeps none.
	Off bool `json:"off,omitempty"`
	// StoreRaw is a database for it: a guest module of the namespace tollgate.keys. Default: the database of the keys; with a keys file
	// there is none.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=tollgate.keys inline_key=store"`
	// KeepDays is for how many days it is kept by the hour, before hours are folded into days. Default: 90.
	KeepDays int64 `json:"keep_days,omitempty"`
	// Days is for how many days it is kept by the day. Default: 775, which is 25 months.
	Days int64 `json:"days,omitempty"`
}

// usageLedger is the pooled ledger that is booked in a store, which whoever holds it holds as well.
type usageLedger struct {
	*usage.Ledger
	writer   *usage.Writer
	settings *pool.Settings[usage.Keep]
}

// Destruct books what is left.
func (l *usageLedger) Destruct() error { l.writer.Close(); return nil }

// provisionUsage takes hold of the ledger. Without one, a.ledger's value is nil.
func (a *App) provisionUsage(ctx caddy.Context) error {
	if err := a.Usage.check(); err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	if a.Usage.Off {
		return nil
	}
	a.usageStore = a.store
	if a.Usage.StoreRaw != nil {
		store, err := a.loadUsageStore(ctx)
		if err != nil {
			return err
		}
		a.usageStore = store
	}
	keys, err := openKeys(a.usageStore)
	if err != nil {
		return err
	}
	a.usageKeys = keys
	store, ok := keys.Value.Store().(usage.Store)
	switch {
	case !ok && a.Usage.StoreRaw != nil:
		return fmt.Errorf("usage cannot be kept in %s: write usage sqlite <path>, or usage postgres <address>", a.usageStore.Place())
	case !ok:
		return nil
	}
	a.ledger, err = pool.Acquire("usage/"+a.usageStore.Identity(), func() (*usageLedger, error) {
		l := &usageLedger{Ledger: usage.NewLedger(0)}
		l.writer = usage.NewWriter(l.Ledger, store, func(err error) { keys.Value.report("usage", err) })
		l.settings = pool.NewSettings(func(keep usage.Keep) error { l.writer.Keep(keep); return nil })
		return l, nil
	})
	return err
}

// usageKeeper answers what was used; nil: no ledger is kept.
func (a *App) usageKeeper() usage.Keeper {
	if a.ledger.Value == nil {
		return nil
	}
	keeper, _ := a.usageKeys.Value.Store().(usage.Keeper)
	return keeper
}

// startUsage begins to book what is used.
func (a *App) startUsage() (err error) {
	ledger := a.ledger.Value
	if ledger == nil {
		return nil
	}
	if a.usageKeys.Value != a.keys.Value {
		a.usageKeys.Value.said.log.Store(a.logger) // of the key store startKeys has
	}
	if a.leaveUsage, err = ledger.settings.Enter(a.Usage.keep()); err == nil {
		ledger.writer.Start()
	}
	return err
}

// releaseUsage gives the ledger back before the store that it is booked in.
func (a *App) releaseUsage() error {
	if a.leaveUsage != nil {
		a.leaveUsage()
	}
	if err := a.ledger.Release(); err != nil {
		return err
	}
	return a.usageKeys.Release()
}

// use adds the request to the ledger of its workspace, once.
func (c *call) use(report *envelope.Report) {
	ledger, identity := c.handler.app.ledger.Value, c.verdict.Identity
	if ledger == nil || identity == nil || c.used {
		return
	}
	c.used = true
	u := usage.Use{At: time.Now(), Workspace: identity.Workspace.ID, Key: identity.Key.ID, Outcome: string(report.Code), MCP: c.tool}
	if r := c.verdict.Match.Route; r != nil {
		u.Route = r.Pattern
	}
	if c.verdict.Refusal == nil {
		u.Outcome = usage.Granted(c.answeredWith(report))
		if c.verdict.Step == gate.StepLimit { // whoami takes nothing
			u.Cost = c.verdict.Match.Route.Cost
			u.At = time.Unix(c.verdict.Limits.Now, 0) // by the clock that quotas follow
		}
	}
	ledger.Add(&u)
}

// answeredWith is the status that the caller saw, or would have seen.
func (c *call) answeredWith(report *envelope.Report) int {
	if c.writer.Hijacked() {
		return http.StatusSwitchingProtocols
	}
	return report.Status
}

// UsageState is how the ledger of what workspaces used does.
type UsageState struct {
	// Place is where it is booked.
	Place string `json:"place"`
	// Lost is how many requests since the start may be missing from it.
	Lost int64 `json:"lost"`
	// Failing is why it cannot be booked at present; null: it can.
	Failing *Failure `json:"failing"`
}

// usageState is null where no ledger is kept.
func (a *App) usageState() *UsageState {
	if a.ledger.Value == nil {
		return nil
	}
	s := &UsageState{Place: a.usageStore.Place(), Lost: a.ledger.Value.writer.Dropped()}
	for _, failure := range a.usageKeys.Value.health.list() {
		if failure.What == "usage" {
			s.Failing = &failure
		}
	}
	return s
}

// loadUsageStore resolves the guest module that the configuration names for the ledger.
func (a *App) loadUsageStore(ctx caddy.Context) (KeyStore, error) {
	module, err := ctx.LoadModule(a.Usage, "StoreRaw")
	if err != nil {
		return nil, fmt.Errorf("loading the store of usage: %w", err)
	}
	store, ok := module.(KeyStore)
	if !ok {
		return nil, fmt.Errorf("loading the store of usage: module %T does not implement gateway.KeyStore", module)
	}
	return store, nil
}

// LoadUsageStore resolves where the ledger is kept, which need not be where the keys are.
func (a *App) LoadUsageStore(ctx caddy.Context) (KeyStore, error) {
	switch {
	case a.Usage.Off:
		return nil, errors.New("usage is off in the configuration: nothing is kept of what workspaces use")
	case a.Usage.StoreRaw != nil:
		return a.loadUsageStore(ctx)
	}
	return a.LoadKeyStore(ctx)
}

// errNoLedger is why the past of a quota cannot be looked up where none is kept: a keys file may give a workspace one.
var errNoLedger = errors.New("no ledger is kept")

// errBehind is why a quota's past is not looked up while booking fails.
var errBehind = errors.New("the ledger cannot be written, and lacks what was granted meanwhile")

// past is what a workspace spent of a quota's period: limits.Past.
func (a *App) past(ctx context.Context, workspace string, begin, end int64) (spent int64, err error) {
	keeper := a.usageKeeper()
	switch {
	case keeper == nil:
		err = errNoLedger
	case a.ledger.Value.writer.Behind():
		err = errBehind
	default:
		const day = 24 * 60 * 60
		spent, err = keeper.Spent(ctx, workspace, begin/day, end/day)
	}
	if failing := err != nil; a.pastFails.Swap(failing) != failing {
		do := "see that the database of usage can be reached and written; it is asked again by itself"
		if errors.Is(err, errNoLedger) {
			do = "write usage sqlite <path>, or usage postgres <address>, into the global options: until then workspaces' own quotas count from the start of the process"
		}
		if failing {
			a.logger.Error("what was used of quotas cannot be read: on_outage decides", zap.Error(err),
				zap.String("do", do))
		} else {
			a.logger.Info("what was used of quotas can be read again")
		}
	}
	return spent, err
}

// checkQuotas refuses quotas whose past nobody would know.
func (a *App) checkQuotas() error {
	if a.usageKeeper() != nil {
		return nil
	}
	if teller, ok := a.store.(QuotaTeller); ok && teller.QuotaInUse() != "" {
		return fmt.Errorf("workspace %s of %s has a quota, and no usage is kept, from which its count comes back after a restart: write usage sqlite <path> into the global options", teller.QuotaInUse(), a.store.Place())
	}
	for _, plan := range a.Plans {
		if len(plan.Quotas) > 0 {
			return fmt.Errorf("%s: plan %s has a quota, and no usage is kept, from which its count comes back after a restart: write usage sqlite <path> into the global options, or usage postgres <address> where gateways share their counters", plan.Source, plan.Name)
		}
	}
	return nil
}

// warnOfQuotas tells operators of each quota of which this request used so much that the plan warns: of all requests that spend
// of a quota, on whatever gateway, one does.
func (c *call) warnOfQuotas() {
	plan, state := c.verdict.Plan, &c.verdict.Limits
	if plan == nil || plan.Warn == 0 || !c.verdict.Counted || c.verdict.Refusal != nil || state.Local { // a gateway's share is not what was used
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
