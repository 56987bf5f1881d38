package gateway

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// keyCache is the pooled cache in front of a store.
type keyCache struct {
	*keystore.Cache
	settings *pool.Settings[keySettings]
	health   *health
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
		log, state := new(pool.Logger), new(health)
		report := func(what string, err error) {
			state.note(what, err)
			reportKeys(log, what, err)
		}
		opened, err := store.Open(func(err error) { report("keys", err) }, true)
		if err != nil {
			return nil, err
		}
		cache := keystore.NewCache(opened, keystore.Options{})
		return &keyCache{Cache: cache, health: state, settings: pool.NewSettings(func(s keySettings) error {
			log.Store(s.logger)
			cache.Configure(keystore.Options{Stale: s.stale, Known: s.known, Report: report})
			return nil
		})}, nil
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

// reportKeys writes what a pooled cache or store has to say into the log of the present configuration: once when something
// begins to fail, once when it works again.
func reportKeys(l *pool.Logger, what string, err error) {
	logger := l.Load()
	if logger == nil {
		return
	}
	if err != nil {
		logger.Error("key store is failing", zap.String("what", what), zap.Error(err))
		return
	}
	logger.Info("key store works", zap.String("what", what))
}
