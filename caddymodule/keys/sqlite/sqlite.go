package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
)

func init() { caddy.RegisterModule(new(Keys)) }

// KeysSQLite keeps workspaces and keys in a SQLite database: the default. The gateway creates it when it starts, the
// command "workspace create" does so too, and nothing else.
type Keys struct {
	// Path is the database; it may hold placeholders. Default: tollgate.db in Caddy's data folder.
	Path string `json:"path,omitempty"`
	// Folder is where a relative path starts: a placeholder's value may be one. Default: the working directory.
	Folder string `json:"folder,omitempty"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`

	path string // resolved
}

// CaddyModule returns the module's id.
func (*Keys) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.keys.sqlite", New: func() caddy.Module { return new(Keys) }}
}

// UnmarshalCaddyfile reads the store's part of the global option. Syntax:
//
//	keys sqlite [<path>]
func (k *Keys) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // sqlite
	if d.NextArg() {
		if d.Val() == "" {
			return errors.New("the path is empty: write the path of a database, such as: keys sqlite tollgate.db")
		}
		k.Path, k.Source = d.Val(), dispenser.Source(d)
		if dispenser.IsPlaceholder(k.Path) {
			k.Folder = dispenser.Folder(d)
		}
		k.Path = dispenser.Absolute(d, k.Path)
	}
	if d.NextArg() {
		return errors.New("write the path of one database, such as: keys sqlite tollgate.db")
	}
	if d.NextBlock(0) {
		return fmt.Errorf("unknown option '%s': sqlite has none", d.Val())
	}
	return nil
}

// Provision resolves the path. It opens and creates nothing.
func (k *Keys) Provision(ctx caddy.Context) error {
	if err := k.resolve(); err != nil {
		return err
	}
	if _, err := os.Stat(k.path); errors.Is(err, fs.ErrNotExist) {
		ctx.Logger().Warn("the key store does not exist: run makes an empty one, in which no key is known", zap.String("path", k.path), zap.String("at", k.Source))
	}
	k.warnOfOthers(ctx.Logger())
	return nil
}

// warnOfOthers says so where others than its owner may open a store that is there. What this program makes is its own
// alone; a mode that people gave it, for a group of theirs perhaps, stays as it is.
func (k *Keys) warnOfOthers(logger *zap.Logger) {
	info, err := os.Stat(k.path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 || !info.Mode().IsRegular() || info.Size() == 0 {
		return
	}
	logger.Warn("others than its owner may open the key store: close it with chmod 600",
		zap.String("path", k.path), zap.Stringer("mode", info.Mode().Perm()))
}

func (k *Keys) resolve() (err error) {
	if k.Path == "" {
		k.path = filepath.Join(caddy.AppDataDir(), "tollgate.db")
		return nil
	}
	if k.path, err = dispenser.Resolve(k.Path, k.Folder); err == nil {
		k.path, err = filepath.Abs(k.path)
	}
	if err != nil {
		return fmt.Errorf("%s: reading the path of the key store: %w", k.Source, err)
	}
	return nil
}

// Validate refuses a path at which no database can ever be, and a file that is none.
func (k *Keys) Validate() error {
	if err := sqlite.Check(k.path); err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(k.Source, "keys"), err)
	}
	if k.Path == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(k.path)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: key store %s: there is no such folder: make it, or name another path", cmp.Or(k.Source, "keys"), k.path)
	}
	return nil
}

// PlansInUse looks into the database, if that can be done without writing anything. It is a PlanTeller.
func (k *Keys) PlansInUse(ctx context.Context) []string { return sqlite.PlansInUse(ctx, k.path) }

// Place is the path.
func (k *Keys) Place() string { return "sqlite " + k.path }

// Identity is the path.
func (k *Keys) Identity() string { return k.Place() }

// Open names the database; its first use opens it.
func (k *Keys) Open(_ func(error), create bool) (keystore.Store, error) {
	return sqlite.New(k.path, sqlite.Options{Create: create}), nil
}

// Look opens the database to be read alone. It is a StoreLooker.
func (k *Keys) Look(ctx context.Context) (keystore.Reader, error) { return sqlite.Look(ctx, k.path) }

// File is the path.
func (k *Keys) File() string { return k.path }

// MakeRoom makes Caddy's data folder, where that is to hold the database. It is a StoreMaker.
func (k *Keys) MakeRoom() error {
	if k.Path != "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("making the folder of the key store: %w", err)
	}
	return nil
}

// Interface guards
var (
	_ gateway.KeyStore      = (*Keys)(nil)
	_ gateway.StoreMaker    = (*Keys)(nil)
	_ gateway.PlanTeller    = (*Keys)(nil)
	_ gateway.StoreLooker   = (*Keys)(nil)
	_ gateway.Filed         = (*Keys)(nil)
	_ caddy.Provisioner     = (*Keys)(nil)
	_ caddy.Validator       = (*Keys)(nil)
	_ caddyfile.Unmarshaler = (*Keys)(nil)
)
