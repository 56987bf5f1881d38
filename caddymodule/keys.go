package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

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

// storeMaker is a KeyStore with something to make before the store can be created: never while a configuration is only
// being checked.
type storeMaker interface{ MakeRoom() error }

// keyCache is the pooled cache in front of a store.
type keyCache struct {
	*keystore.Cache
	log *pooledLogger
}

// Destruct ends the cache and closes its store.
func (k *keyCache) Destruct() error { return k.Close() }

// openKeys takes hold of the cache in front of the store.
func openKeys(store KeyStore) (lease[*keyCache], error) {
	return acquire("keys/"+store.Identity(), func() (*keyCache, error) {
		log := new(pooledLogger)
		opened, err := store.Open(func(err error) { log.report("keys", err) }, true)
		if err != nil {
			return nil, err
		}
		return &keyCache{Cache: keystore.NewCache(opened, keystore.Options{}), log: log}, nil
	})
}

// start begins to follow the store with the settings of the present configuration.
func (k *keyCache) start(a *App) {
	k.log.Store(a.logger)
	k.Configure(keystore.Options{Stale: a.staleKeys(), Report: k.log.report})
	k.Start()
}

// provisionKeys resolves the key store and opens it.
func (a *App) provisionKeys(ctx caddy.Context) (err error) {
	if a.store, err = a.loadKeyStore(ctx); err != nil {
		return err
	}
	a.keys, err = openKeys(a.store)
	return err
}

// loadKeyStore resolves the guest module.
func (a *App) loadKeyStore(ctx caddy.Context) (KeyStore, error) {
	module, err := ctx.LoadModule(a, "KeysRaw")
	if err != nil {
		return nil, fmt.Errorf("loading the key store: %w", err)
	}
	store, ok := module.(KeyStore)
	if !ok {
		return nil, fmt.Errorf("loading the key store: module %T is none", module)
	}
	return store, nil
}

// startKeys begins to follow the key store.
func (a *App) startKeys() error {
	if maker, ok := a.store.(storeMaker); ok {
		if err := maker.MakeRoom(); err != nil {
			return err
		}
	}
	a.keys.Value.start(a)
	return nil
}

// report writes what a pooled value has to say into the log of the present configuration: once when something begins to
// fail, once when it works again.
func (l *pooledLogger) report(what string, err error) {
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
