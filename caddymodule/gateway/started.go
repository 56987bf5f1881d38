package gateway

import (
	"context"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/build"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

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
