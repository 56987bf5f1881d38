package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
)

// policyFiles are the policies of some paths. They outlive a reload: files that are broken by then do not keep Caddy from
// loading a configuration that names the same paths.
type policyFiles struct {
	*policy.Engine
	settings *pool.Settings[*App]
	app      atomic.Pointer[App] // whose log says what becomes of the files
	watching sync.Once
	watchers watchers
	changes  lines.Changes
}

// openPolicies takes hold of the policies of the paths. They are loaded if no configuration holds them yet.
func openPolicies(ctx context.Context, paths []string) (pool.Lease[*policyFiles], error) {
	key := "policies/" + strings.Join(slices.Sorted(slices.Values(paths)), "\x00")
	return pool.Acquire(key, func() (*policyFiles, error) {
		engine, err := policy.New(ctx, policy.Options{Paths: paths})
		if err != nil {
			return nil, err
		}
		meters.PoliciesLoaded.SetToCurrentTime()
		p := &policyFiles{Engine: engine}
		p.settings = pool.NewSettings(func(a *App) error { p.app.Store(a); return nil })
		return p, nil
	})
}

// Destruct ends the watching of the files.
func (p *policyFiles) Destruct() error {
	if !p.watchers.stop() {
		return errors.New("policies are still being loaded; they are left behind")
	}
	return nil
}

// watch follows the files for changes.
func (p *policyFiles) watch(ctx context.Context) {
	p.Watch(ctx, watchEvery, func(err error) { p.app.Load().policiesLoaded(err) })
}

// provisionPolicies takes hold of the embedded policies and those of the configuration. Where an earlier configuration
// holds them and the files are broken by now, the policies that were loaded last go on.
func (a *App) provisionPolicies(ctx caddy.Context) error {
	paths, err := a.PolicyPaths()
	if err != nil {
		return err
	}
	if a.files, err = openPolicies(ctx, paths); err != nil {
		return fmt.Errorf("loading policies: %w", err)
	}
	a.policies = a.files.Value.WithTimeout(time.Duration(a.PolicyTimeout))
	a.notes.policies.loaded(nil)
	before := a.policies.Report().Generation
	if err := a.policies.Refresh(ctx); err != nil {
		a.notes.policies.loaded(err)
		a.logger.Error(policiesNotTaken, zap.Error(err), zap.String("do", policiesAdvice))
	}
	if a.policies.Report().Generation != before {
		meters.PoliciesLoaded.SetToCurrentTime()
	}
	a.warnOfPolicies()
	return pool.Register(ctx.GetMetricsRegistry(), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tollgate", Name: "policies_failing", Help: "1 while the policies on disk cannot be loaded and the last good ones go on.",
	}, a.policiesFailing), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tollgate", Name: "openapi_failing", Help: "How many sites go on with the last good OpenAPI document because the one on disk is not taken.",
	}, a.documentsFailing))
}

const (
	policiesNotTaken = "policies are not taken, the last good ones go on"
	policiesAdvice   = "correct what the error names; the files are read again when they change; 'tollgate policy check' says the same beforehand"
)

func (a *App) policiesFailing() float64 {
	if a.policies.Failure() != nil {
		return 1
	}
	return 0
}

// PolicyPaths are the places of the configuration's policies, their placeholders replaced.
func (a *App) PolicyPaths() ([]string, error) {
	paths := make([]string, len(a.Policies))
	for i, path := range a.Policies {
		var err error
		if paths[i], err = dispenser.Resolve(path, a.Folder); err != nil {
			return nil, fmt.Errorf("reading the path of policies: %w", err)
		}
	}
	return paths, nil
}

// startPolicies follows the files for changes, from the first configuration that uses them to the last.
func (a *App) startPolicies() (err error) {
	files := a.files.Value
	a.leaveFiles, err = files.settings.Enter(a)
	a.logPolicies()
	if len(a.Policies) > 0 {
		files.watching.Do(func() { files.watchers.start(files.watch) })
	}
	return err
}

// releasePolicies gives the policies back, and no longer logs what becomes of them.
func (a *App) releasePolicies() error {
	if a.leaveFiles != nil {
		a.leaveFiles()
	}
	return a.files.Release()
}

func (a *App) policiesLoaded(err error) {
	a.notes.policies.loaded(err)
	changes := &a.files.Value.changes
	if err != nil {
		meters.PolicyLoadFailures.Inc()
		changes.Say(func(leftOut int) {
			a.logger.Error(policiesNotTaken, zap.Error(err), zap.String("do", policiesAdvice), lines.LeftOut(leftOut))
		})
		return
	}
	meters.PoliciesLoaded.SetToCurrentTime()
	changes.Say(func(leftOut int) {
		a.logger.Info("policies loaded", zap.Uint64("generation", a.policies.Report().Generation), lines.LeftOut(leftOut))
	})
	a.warnOfPolicies()
	a.logPolicies()
}

// warnOfPolicies says what most likely is a mistake in the policies, once a load.
func (a *App) warnOfPolicies() {
	for _, warning := range a.policies.Report().Warnings {
		a.logger.Warn("policies load, but something in them is most likely a mistake", zap.String("warning", warning))
	}
}

// logPolicies says once a load why decisions cannot be remembered, where that is so.
func (a *App) logPolicies() {
	if report := a.policies.Report(); !report.Remembered {
		a.logger.Warn("policy decisions are not remembered: every request is evaluated", zap.String("why", report.Why))
	}
}
