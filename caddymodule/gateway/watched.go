package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/secrets"
)

// watchEvery is how often policies and secrets are looked at. A change is obeyed after one to two looks.
const watchEvery = 500 * time.Millisecond

// stopPatience is how long what is being loaded may hold up the end of its configuration.
const stopPatience = 5 * time.Second

// watchers are the goroutines that follow files for one configuration.
type watchers struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// start launches one that runs until stop.
func (w *watchers) start(watch ...func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	for _, follow := range watch {
		w.running.Go(func() { follow(ctx) })
	}
}

// stop ends them and waits for their end, but not for ever: policies that are being compiled cannot be interrupted, and
// must not keep the process from ending. It may be called where none was started, and more than once.
func (w *watchers) stop() (ended bool) {
	if w.cancel == nil {
		return true
	}
	w.cancel()
	all := make(chan struct{})
	go func() { w.running.Wait(); close(all) }()
	select {
	case <-all:
		return true
	case <-time.After(stopPatience):
		return false
	}
}

// provisionPolicies loads the embedded policies and those of the configuration.
func (a *App) provisionPolicies(ctx caddy.Context) (err error) {
	paths, err := a.PolicyPaths()
	if err != nil {
		return err
	}
	a.policies, err = policy.New(ctx, policy.Options{Paths: paths, Timeout: time.Duration(a.PolicyTimeout)})
	if err != nil {
		return fmt.Errorf("loading policies: %w", err)
	}
	a.warnOfPolicies()
	a.notes.policies.loaded(nil)
	return nil
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

// warnOfPolicies says what most likely is a mistake in the policies, once a load.
func (a *App) warnOfPolicies() {
	for _, warning := range a.policies.Report().Warnings {
		a.logger.Warn("policies load, but something in them is most likely a mistake", zap.String("warning", warning))
	}
}

// provisionSecrets reads the folder of secrets, if there is one.
func (a *App) provisionSecrets() (err error) {
	if a.Secrets == "" {
		return nil
	}
	path, err := dispenser.Resolve(a.Secrets, a.Folder)
	if err != nil {
		return fmt.Errorf("reading the path of the secrets folder: %w", err)
	}
	a.secrets, err = secrets.Open(path)
	a.notes.secrets.loaded(nil)
	return err
}

// watchFiles follows policies and secrets for changes.
func (a *App) watchFiles() {
	a.logPolicies()
	follow := []func(context.Context){a.announce, a.watchPolicies, a.turnStatus}
	if a.secrets != nil {
		a.logSecretWarnings()
		follow = append(follow, a.watchSecrets)
	}
	a.watchers.start(follow...)
}

func (a *App) watchPolicies(ctx context.Context) {
	meters.policies.Set(0)
	if len(a.Policies) == 0 {
		return
	}
	a.policies.Watch(ctx, watchEvery, func(err error) {
		a.notes.policies.loaded(err)
		if err != nil {
			meters.policies.Set(1)
			a.logger.Error("policies are not taken, the last good ones go on", zap.Error(err))
			return
		}
		meters.policies.Set(0)
		a.logger.Info("policies loaded", zap.Uint64("generation", a.policies.Report().Generation))
		a.warnOfPolicies()
		a.logPolicies()
	})
}

// logPolicies says once a load why decisions cannot be remembered, where that is so.
func (a *App) logPolicies() {
	if report := a.policies.Report(); !report.Remembered {
		a.logger.Warn("policy decisions are not remembered: every request is evaluated", zap.String("why", report.Why))
	}
}

func (a *App) watchSecrets(ctx context.Context) {
	a.secrets.Watch(ctx, watchEvery, func(err error) {
		a.notes.secrets.loaded(err)
		if err != nil {
			a.logger.Error("secrets are not taken, the last good ones go on", zap.Error(err))
			return
		}
		a.logger.Info("secrets loaded")
		a.logSecretWarnings()
	})
}

func (a *App) logSecretWarnings() {
	for _, warning := range a.secrets.Warnings() {
		a.logger.Warn("secret file is readable by other users", zap.String("warning", warning))
	}
}
