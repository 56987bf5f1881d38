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
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/secrets"
)

// watchEvery is how often policies, documents, secrets and texts are looked at. A change is obeyed after one to two looks.
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

// watchFiles says what has started, and follows the secrets, and the texts that sites tell their callers, for changes.
func (a *App) watchFiles() {
	follow := []func(context.Context){a.announce, a.turnStatus}
	if a.secrets != nil {
		a.logSecretWarnings()
		follow = append(follow, a.watchSecrets)
	}
	for _, h := range a.sites {
		if h.texts != nil {
			follow = append(follow, h.watchTexts)
		}
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

// lookAtTexts finds what the site tells its callers in the operator's words: the intro of describe and the instructions of mcp. It
// looks before they are read, so that a change meanwhile is seen as one.
func (h *Handler) lookAtTexts() {
	var paths []string
	named := func(file, folder string) {
		if path, err := dispenser.Resolve(file, folder); file != "" && err == nil { // the error comes with the reading
			paths = append(paths, path)
		}
	}
	if h.Describe != nil {
		named(h.Describe.IntroFile, h.Describe.Folder)
	}
	if h.MCP != nil {
		named(h.MCP.InstructionsFile, h.MCP.Folder)
	}
	if paths != nil {
		h.texts = watch.New(paths...)
	}
}

// watchTexts has the site tell its callers what its texts say now, whenever they change.
func (h *Handler) watchTexts(ctx context.Context) {
	var changes lines.Changes
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !h.texts.Changed() {
			continue
		}
		err := h.retake()
		changes.Say(func(leftOut int) {
			if err != nil {
				h.logger.Error("texts for callers are not taken, the last good ones go on", zap.Error(err),
					zap.String("do", "correct the file that the error names; it is read again when it changes"), lines.LeftOut(leftOut))
				return
			}
			h.logger.Info("texts for callers loaded", lines.LeftOut(leftOut))
		})
	}
}

// retake has the site take the document once more that it has, and with it the texts beside it.
func (h *Handler) retake() error {
	if d := h.document.Value; d != nil {
		d.mu.Lock() // who reads the document takes it as well
		defer d.mu.Unlock()
	}
	return h.take(h.live.Load().document)
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
