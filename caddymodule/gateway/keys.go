package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/meter"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// keyCache is the pooled cache in front of a store.
type keyCache struct {
	*keystore.Cache
	settings *pool.Settings[keySettings]
	failing  meter.Failing
	health   health
	said     keyLines
}

// report notes that a part of the store begins to fail, or (nil) works again.
func (k *keyCache) report(part string, err error) {
	k.said.report(part, err)
	k.health.note(part, err)
	k.failing.Note(part, err != nil)
}

// keySettings are what a configuration says of a cache.
type keySettings struct {
	stale  time.Duration
	known  int
	logger *zap.Logger
}

// Destruct ends the cache and closes its store.
func (k *keyCache) Destruct() error { return k.Close() }

// openKeys takes hold of the cache in front of the store.
func openKeys(store KeyStore) (pool.Lease[*keyCache], error) {
	return pool.Acquire("keys/"+store.Identity(), func() (*keyCache, error) {
		k := new(keyCache)
		opened, err := store.Open(func(err error) { k.report("keys", err) }, true)
		if err != nil {
			return nil, err
		}
		k.Cache = keystore.NewCache(opened, keystore.Options{})
		k.settings = pool.NewSettings(func(s keySettings) error {
			k.said.log.Store(s.logger)
			k.Configure(keystore.Options{Stale: s.stale, Known: s.known, Report: k.report})
			return nil
		})
		return k, nil
	})
}

// provisionKeys resolves the key store and opens it.
func (a *App) provisionKeys(ctx caddy.Context) (err error) {
	if a.store, err = a.LoadKeyStore(ctx); err != nil {
		return err
	}
	a.keys, err = openKeys(a.store)
	return err
}

// LoadKeyStore resolves the guest module of the namespace tollgate.keys that the configuration names.
func (a *App) LoadKeyStore(ctx caddy.Context) (KeyStore, error) {
	module, err := ctx.LoadModule(a, "KeysRaw")
	if err != nil {
		return nil, fmt.Errorf("loading the key store: %w", err)
	}
	store, ok := module.(KeyStore)
	if !ok {
		return nil, fmt.Errorf("loading the key store: module %T does not implement gateway.KeyStore", module)
	}
	return store, nil
}

// startKeys begins to follow the key store, with the settings of this configuration.
func (a *App) startKeys() (err error) {
	if maker, ok := a.store.(StoreMaker); ok {
		if err := maker.MakeRoom(); err != nil {
			return err
		}
	}
	a.leaveKeys, err = a.keys.Value.settings.Enter(keySettings{stale: time.Duration(*a.StaleKeys), known: a.KnownKeys, logger: a.logger})
	a.keys.Value.Start()
	return err
}

// releaseKeys gives the cache back, and the settings with it.
func (a *App) releaseKeys() error {
	if a.leaveKeys != nil {
		a.leaveKeys()
	}
	return a.keys.Release()
}

// keyAdvice is what to do about each part of a key store that can fail, in the words of keystore.Options.Report.
var keyAdvice = map[string]string{
	"look-ups":  "see that the store runs and can be reached; keys known here go on for stale_keys, others get 503; it is asked again by itself",
	"changes":   "see that the store runs and can be reached; until it does keys are known for stale_keys at most; it is asked again by itself",
	"last uses": "see that the store can be written; until it can, the times at which keys were last used are kept here",
	"usage":     "see that the store can be written; until it can, what workspaces use is kept here, more and more coarsely",
	"keys":      "correct the keys file; until then the last good one holds; it is read again when it changes",
}

// keyLines bounds the lines about each part of a store.
type keyLines struct {
	log   pool.Logger
	parts [len(meter.KeyStoreParts)]lines.Changes
}

// report writes what a pooled cache or store has to say into the log of the present configuration: once when something
// begins to fail, once when it works again.
func (k *keyLines) report(part string, err error) {
	k.parts[max(0, slices.Index(meter.KeyStoreParts[:], part))].Say(func(leftOut int) {
		logger := k.log.Load()
		switch {
		case logger == nil:
		case err != nil:
			logger.Error("key store is failing", zap.String("what", part), zap.Error(err), zap.String("do", keyAdvice[part]), lines.LeftOut(leftOut))
		case part == "keys":
			logger.Info("keys file was loaded anew", lines.LeftOut(leftOut))
		default:
			logger.Info("key store works", zap.String("what", part), lines.LeftOut(leftOut))
		}
	})
}

// KeyStore is what a guest module in the namespace tollgate.keys gives: where a store lies, and how to open it. One
// cache a place stands in front of it, which survives reloads.
type KeyStore interface {
	// Place says where the store lies, for people. It holds no credentials.
	Place() string
	// Identity tells one store from another, credentials included, which it does not show: configurations with the same
	// one share a cache and its connections.
	Identity() string
	// Open gives the store. It must not wait for anybody: the first look-up may. Create lets its first use make it where
	// there is none: the gateway and "workspace create" may, other commands may not. A store that is a keystore.Admin as
	// well is one for commands.
	Open(report func(error), create bool) (keystore.Store, error)
}

// StoreMaker is a KeyStore with something to make before the store can be created: never while a configuration is only
// being checked.
type StoreMaker interface{ MakeRoom() error }

// PlanTeller is a KeyStore that can name plans that workspaces are on while a configuration is only being loaded: without
// dialling, writing or waiting for anybody. It need not know all of them.
type PlanTeller interface {
	PlansInUse(ctx context.Context) []string
}

// QuotaTeller is a KeyStore that knows, while a configuration is only being loaded, whether a workspace has quotas of its own.
type QuotaTeller interface {
	// QuotaInUse is the id of such a workspace; "": there is none.
	QuotaInUse() string
}

// StoreLooker is a KeyStore that can be looked into as it is: nothing is written, made or migrated, while a gateway runs or
// none does.
type StoreLooker interface {
	Look(ctx context.Context) (keystore.Reader, error)
}

// Remote is a guest module that speaks to another host.
type Remote interface {
	// PlainHost is a host other than this machine that it speaks to without TLS; empty: there is none.
	PlainHost() string
}

// Filed is a KeyStore that lies in a file.
type Filed interface {
	// File is the file's path.
	File() string
}

// CounterEngine is what a guest module in the namespace tollgate.counters gives. It can count from Provision on; Start
// launches what it runs in the background.
type CounterEngine interface {
	gate.Counters
	// SetPast says, before Start, who knows what was used of a quota that the engine does not know.
	SetPast(past limits.Past)
	Start() error
}
