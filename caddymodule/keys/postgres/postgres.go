package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
)

func init() { caddy.RegisterModule(new(Keys)) }

// KeysPostgres keeps workspaces and keys in a PostgreSQL database that any number of gateways and commands share. Whoever
// opens it first makes or migrates its schema.
type Keys struct {
	// Address is a URL (postgres://…) or key=value words. Write a placeholder such as {env.DSN}, so that no password lies
	// in the configuration.
	Address string `json:"address"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`

	address string // resolved
	place   string // without the password
	plain   string // a host without TLS
}

// CaddyModule returns the module's id.
func (*Keys) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.keys.postgres", New: func() caddy.Module { return new(Keys) }}
}

// UnmarshalCaddyfile reads the store's part of the global option. Syntax:
//
//	keys postgres <address>
func (k *Keys) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // postgres
	k.Source = dispenser.Source(d)
	if !d.Args(&k.Address) || d.NextArg() {
		return errors.New("write one address, such as: keys postgres {env.DSN}")
	}
	if !dispenser.IsLater(k.Address) {
		if _, err := postgres.New(k.Address); err != nil {
			return err
		}
	}
	if d.NextBlock(0) {
		return fmt.Errorf("unknown option '%s': postgres has none", d.Val())
	}
	return nil
}

// Provision resolves the address. It connects to nothing.
func (k *Keys) Provision(ctx caddy.Context) (err error) {
	if k.address, err = dispenser.Address(ctx.Logger(), k.Address); err != nil {
		return fmt.Errorf("%s: keys: reading the address of postgres: %w", k.Source, err)
	}
	store, err := postgres.New(k.address)
	if err != nil {
		return fmt.Errorf("%s: keys: %w", k.Source, err)
	}
	k.place, k.plain = store.String(), store.PlainHost()
	return store.Close()
}

// Place is the address without the password.
func (k *Keys) Place() string { return k.place }

// Identity is the address as a hash: another password is another pool of connections.
func (k *Keys) Identity() string {
	sum := sha256.Sum256([]byte(k.address))
	return "postgres " + hex.EncodeToString(sum[:])
}

// Open names the database; its first use connects.
func (k *Keys) Open(func(error), bool) (keystore.Store, error) {
	return postgres.New(k.address)
}

// Look names the database to be read alone. It is a StoreLooker.
func (k *Keys) Look(context.Context) (keystore.Reader, error) { return postgres.Look(k.address) }

// PlainHost is a host that is spoken to without TLS.
func (k *Keys) PlainHost() string { return k.plain }

// Interface guards
var (
	_ gateway.KeyStore      = (*Keys)(nil)
	_ gateway.StoreLooker   = (*Keys)(nil)
	_ gateway.Remote        = (*Keys)(nil)
	_ caddy.Provisioner     = (*Keys)(nil)
	_ caddyfile.Unmarshaler = (*Keys)(nil)
)
