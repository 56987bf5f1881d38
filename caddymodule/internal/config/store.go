package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// bare is a Caddy without apps, in which commands load modules. What these log is none of the answer, but for errors.
var bare = sync.OnceValues(func() (caddy.Context, error) {
	return caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: zapcore.ErrorLevel.CapitalString()}},
	}}})
})

// Modules gives a context to load modules in, and the function that cleans them up.
func Modules(ctx context.Context) (caddy.Context, context.CancelFunc, error) {
	inner, err := bare()
	if err != nil {
		return inner, nil, fmt.Errorf("preparing to load modules: %w", err)
	}
	inner.Context = ctx
	inner, free := caddy.NewContext(inner)
	return inner, free, nil
}

// Store is a key store in the hands of a command.
type Store struct {
	keystore.Admin
	keystore.Store
	// Place is where it lies, for people.
	Place string

	// KeyPrefix begins the secrets that the gateway makes.
	KeyPrefix string

	free context.CancelFunc
}

// Open opens the key store of the configuration. Create lets the command make it where there is none. The caller closes
// it.
func Open(ctx context.Context, app *gateway.App, create bool) (*Store, error) {
	inner, free, err := Modules(ctx)
	if err != nil {
		return nil, err
	}
	module, err := app.LoadKeyStore(inner)
	if err == nil {
		var s *Store
		if s, err = openModule(app, module, create); err == nil {
			s.free = free
			return s, nil
		}
	}
	free()
	return nil, err
}

// OpenUsage opens the ledger of what workspaces used, which lies beside the keys or where the configuration says. Free closes it.
func OpenUsage(ctx context.Context, app *gateway.App) (ledger usage.Keeper, place string, free func(), err error) {
	inner, done, err := Modules(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	module, err := app.LoadUsageStore(inner)
	if err != nil {
		done()
		return nil, "", nil, err
	}
	opened, err := module.Open(func(error) {}, false)
	if err != nil {
		done()
		return nil, "", nil, fmt.Errorf("opening the store of usage %s: %w", module.Place(), err)
	}
	free = func() { _ = opened.Close(); done() } // it was only read
	ledger, ok := opened.(usage.Keeper)
	if !ok {
		free()
		return nil, "", nil, fmt.Errorf("%s keeps no usage: write usage sqlite <path> into the global options", module.Place())
	}
	return ledger, module.Place(), free, nil
}

// OpenProvisioned opens the key store of an app that is provisioned, to look into it. The caller closes it.
func OpenProvisioned(app *gateway.App) (*Store, error) {
	s, err := openModule(app, app.KeyStore(), false)
	if err == nil {
		s.free = func() {}
	}
	return s, err
}

// Running is the key store of the gateway that runs in this process. Closing it is not needed, and does nothing to the gateway.
func Running(app *gateway.App) (*Store, error) {
	admin, err := app.Admin()
	if err != nil {
		return nil, err
	}
	return &Store{Admin: admin, Store: borrowed{app.Store()}, Place: app.KeyStore().Place(), KeyPrefix: app.KeyPrefix, free: func() {}}, nil
}

// borrowed is a store that somebody else closes.
type borrowed struct{ keystore.Store }

// Close does nothing.
func (borrowed) Close() error { return nil }

func openModule(app *gateway.App, module gateway.KeyStore, create bool) (*Store, error) {
	if maker, ok := module.(gateway.StoreMaker); ok && create {
		if err := maker.MakeRoom(); err != nil {
			return nil, err
		}
	}
	opened, err := module.Open(func(error) {}, create)
	if err != nil {
		return nil, fmt.Errorf("opening key store %s: %w", module.Place(), err)
	}
	admin, ok := opened.(keystore.Admin)
	if !ok {
		return nil, errors.Join(fmt.Errorf("key store %s cannot be changed or listed by commands", module.Place()), opened.Close())
	}
	return &Store{Admin: admin, Store: opened, Place: module.Place(), KeyPrefix: app.KeyPrefix}, nil
}

// Close frees the store.
func (s *Store) Close() {
	_ = s.Store.Close() // everything acknowledged is committed: nothing is lost by a failure
	s.free()
}

// KeyID is what names a key. A secret in its place is told, and never repeated.
func (s *Store) KeyID(ctx context.Context, id string) (string, error) {
	identity, err := s.Lookup(ctx, record.SumOf(id))
	switch ours := strings.HasPrefix(id, s.KeyPrefix+"_"); {
	case err == nil:
		return "", notAnID("this is the secret of key %s, not a key's id: write the id; whoever saw this command knows the secret: rotate the key", identity.Key.ID)
	case !errors.Is(err, keystore.ErrUnknown):
		return "", err
	case !ours:
		return id, nil
	case apikey.Check(s.KeyPrefix, id):
		return "", notAnID("this is a secret, not a key's id: write the id, which key list shows")
	}
	if _, err := s.Key(ctx, id); errors.Is(err, keystore.ErrNotFound) {
		return "", notAnID("there is no such key, and this begins like a secret: write a key's id, which key list shows")
	}
	return id, nil
}

// notAnID is what is wrong with what somebody wrote for an id. It is no fault of the store.
func notAnID(format string, args ...any) error {
	return &keystore.Problem{Kind: keystore.ErrInvalid, Text: fmt.Sprintf(format, args...)}
}

// KeysFile is the path of the keys file that the configuration names; empty: its keys are elsewhere. The file need not be there.
func KeysFile(ctx context.Context, app *gateway.App) (string, error) {
	var named struct {
		Store string `json:"store"`
	}
	if err := json.Unmarshal(app.KeysRaw, &named); err != nil || named.Store != "file" {
		return "", err
	}
	info, err := caddy.GetModule("tollgate.keys.file")
	if err != nil {
		return "", fmt.Errorf("loading the key store: %w", err)
	}
	inner, free, err := Modules(ctx)
	if err != nil {
		return "", err
	}
	defer free()
	module := info.New()
	if err := json.Unmarshal(app.KeysRaw, module); err != nil {
		return "", fmt.Errorf("loading the key store: %w", err)
	}
	if provisioner, ok := module.(caddy.Provisioner); ok { // not validated: that reads the file
		if err := provisioner.Provision(inner); err != nil {
			return "", err
		}
	}
	return strings.TrimPrefix(module.(gateway.KeyStore).Place(), "file "), nil
}
