package gateway

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/build"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
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
	// secrets bounds the lines about what became of their changes.
	secrets lines.Changes
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

// watchFiles says what has started, and follows the secrets for changes.
func (a *App) watchFiles() {
	follow := []func(context.Context){a.announce, a.turnStatus}
	if a.secrets != nil {
		a.logSecretWarnings()
		follow = append(follow, a.watchSecrets)
	}
	a.watchers.start(follow...)
}

func (a *App) watchSecrets(ctx context.Context) {
	a.secrets.Watch(ctx, watchEvery, func(err error) {
		a.notes.secrets.loaded(err)
		if err != nil {
			a.watchers.secrets.Say(func(leftOut int) {
				a.logger.Error("secrets are not taken, the last good ones go on", zap.Error(err),
					zap.String("do", "correct what the error names; the folder is read again when it changes"), lines.LeftOut(leftOut))
			})
			return
		}
		a.watchers.secrets.Say(func(leftOut int) { a.logger.Info("secrets loaded", lines.LeftOut(leftOut)) })
		a.logSecretWarnings()
	})
}

func (a *App) logSecretWarnings() {
	for _, warning := range a.secrets.Warnings() {
		a.logger.Warn("secret file is readable by other users", zap.String("warning", warning))
	}
}

// summaryPatience bounds the counting of keys when a configuration has started. Nothing waits for it.
const summaryPatience = 30 * time.Second

// announce says in one line what has started. It counts the keys first, in the background: a million of them shall not hold
// up the start.
func (a *App) announce(ctx context.Context) {
	store := guestName(a.store)
	line := []zap.Field{zap.Stringer("version", build.Read()), zap.String("store", store), zap.String("place", strings.TrimPrefix(a.store.Place(), store+" "))}
	summary, err := a.summary(ctx)
	switch {
	case ctx.Err() != nil:
		return // it has stopped again
	case err != nil:
		line = append(line, zap.NamedError("keys_not_counted", err))
	default:
		line = append(line, zap.Int64("keys", summary.Keys))
	}
	a.logger.Info("tollgate has started", append(line, zap.String("counters", guestName(a.counters)), zap.Int("policies", a.ownPolicies()))...)
	if summary.Made {
		a.warn(a.logger, "the key store did not exist: an empty one was made, in which no key is known", zap.String("place", a.store.Place()))
	}
	a.warnPlans(summary.Plans)
}

// guestName is the word by which a configuration names a guest module.
func guestName(guest any) string {
	if module, ok := guest.(caddy.Module); ok {
		return module.CaddyModule().ID.Name()
	}
	return "unknown"
}

// summary sums up the store, where it can be.
func (a *App) summary(ctx context.Context) (keystore.Summary, error) {
	store, ok := a.keys.Value.Store().(keystore.Summarizer)
	if !ok {
		return keystore.Summary{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, summaryPatience)
	defer cancel()
	return store.Summary(ctx)
}

// ownPolicies is how many files of Rego and data there are beside the embedded ones.
func (a *App) ownPolicies() (own int) {
	for _, file := range a.policies.Report().Files {
		if !file.Embedded {
			own++
		}
	}
	return own
}

// warnPlans names plans that workspaces are on and nobody configured: all of their requests are refused. Each is told once.
func (a *App) warnPlans(inUse []string) {
	for _, plan := range inUse {
		if a.planTable[plan] != nil || a.told[plan] {
			continue
		}
		if a.told == nil {
			a.told = map[string]bool{}
		}
		a.told[plan] = true
		a.warn(a.logger, "a plan in use is not configured: its workspaces are denied", zap.String("plan", plan),
			zap.String("write", "plan "+plan+" <limit>/<duration>, or denied "+plan))
	}
}
