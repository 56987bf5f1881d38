package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
)

// policyFiles are the policies of some paths. They outlive a reload of a configuration that names the same paths: files that
// are broken by then keep no configuration from being loaded that does not touch them.
type policyFiles struct {
	*policy.Engine
	watching sync.Once
	watchers watchers
}

// openPolicies takes hold of the policies of the paths, which are loaded where no configuration uses them yet.
func openPolicies(ctx context.Context, paths []string) (pool.Lease[*policyFiles], error) {
	key := "policies/" + strings.Join(slices.Sorted(slices.Values(paths)), "\x00")
	return pool.Acquire(key, func() (*policyFiles, error) {
		engine, err := policy.New(ctx, policy.Options{Paths: paths})
		return &policyFiles{Engine: engine}, err
	})
}

// Destruct ends the watching of the files.
func (p *policyFiles) Destruct() error {
	if !p.watchers.stop() {
		return errors.New("policies are still being loaded; they are left behind")
	}
	return nil
}

// watch follows the files for changes, and tells the configuration that runs.
func (p *policyFiles) watch(ctx context.Context) {
	p.Watch(ctx, watchEvery, func(err error) {
		if a := running.withPolicies(p); a != nil {
			a.policiesLoaded(err)
		}
	})
}

// running are the apps that were started and not yet stopped. There are two while a configuration takes the place of
// another; where it fails to start, the earlier one is the last again.
var running startedApps

type startedApps struct {
	mu   sync.Mutex
	apps []*App
}

func (s *startedApps) add(a *App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps = append(s.apps, a)
	s.meter()
}

func (s *startedApps) remove(a *App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps = slices.DeleteFunc(s.apps, func(other *App) bool { return other == a })
	s.meter()
}

// meter shows whether the policies of the last app are failing.
func (s *startedApps) meter() {
	failing := 0.0
	if last := len(s.apps) - 1; last >= 0 && s.apps[last].policies.Failure() != nil {
		failing = 1
	}
	meters.policies.Set(failing)
}

// withPolicies is the last app that uses the files; nil where none does.
func (s *startedApps) withPolicies(p *policyFiles) *App {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meter()
	for _, a := range slices.Backward(s.apps) {
		if a.files.Value == p {
			return a
		}
	}
	return nil
}

// provisionPolicies takes hold of the embedded policies and those of the configuration. Where an earlier configuration
// holds them, those that could be loaded last go on, whatever has become of the files.
func (a *App) provisionPolicies(ctx caddy.Context) (err error) {
	if a.files, err = openPolicies(ctx, a.Policies); err != nil {
		return fmt.Errorf("loading policies: %w", err)
	}
	a.policies = a.files.Value.WithTimeout(time.Duration(a.PolicyTimeout))
	if err := a.policies.Refresh(ctx); err != nil {
		a.logger.Error(policiesNotTaken, zap.Error(err))
	}
	a.warnOfPolicies()
	return nil
}

const policiesNotTaken = "policies are not taken, the last good ones go on"

// startPolicies follows the files for changes, from the first configuration that uses them to the last.
func (a *App) startPolicies() {
	running.add(a)
	a.logPolicies()
	if len(a.Policies) > 0 {
		files := a.files.Value
		files.watching.Do(func() { files.watchers.start(files.watch) })
	}
}

func (a *App) policiesLoaded(err error) {
	if err != nil {
		a.logger.Error(policiesNotTaken, zap.Error(err))
		return
	}
	a.logger.Info("policies loaded", zap.Uint64("generation", a.policies.Report().Generation))
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
