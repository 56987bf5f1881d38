package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
)

func init() { caddy.RegisterModule(new(Keys)) }

// Keys reads workspaces and keys from a YAML or JSON file, which is watched. A file that breaks later leaves the
// last good one in force.
type Keys struct {
	// Path is the file; it may hold placeholders.
	Path string `json:"path"`
	// Folder is where a relative path starts: a placeholder's value may be one. Default: the working directory.
	Folder string `json:"folder,omitempty"`
	// Source is the file and line of the Caddyfile it was written at, for errors.
	Source string `json:"source,omitempty"`

	path    string // absolute
	plans   []string
	metered string // the first workspace with quotas of its own; "": none has
}

// CaddyModule returns the module's id.
func (*Keys) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.keys.file", New: func() caddy.Module { return new(Keys) }}
}

// UnmarshalCaddyfile reads the store's part of the global option. Syntax:
//
//	keys file <path>
func (k *Keys) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // file
	if !d.Args(&k.Path) || d.NextArg() {
		return errors.New("write the path of one YAML or JSON file, such as: keys file keys.yaml")
	}
	if dispenser.IsPlaceholder(k.Path) {
		k.Folder = dispenser.Folder(d)
	}
	k.Path, k.Source = dispenser.Absolute(d, k.Path), dispenser.Source(d)
	if d.NextBlock(0) {
		return fmt.Errorf("unknown option '%s': a keys file has none", d.Val())
	}
	return nil
}

// Provision resolves the path.
func (k *Keys) Provision(caddy.Context) (err error) {
	if k.Path == "" {
		return errors.New("the path of the keys file is empty: write one")
	}
	if k.path, err = dispenser.Resolve(k.Path, k.Folder); err == nil {
		k.path, err = filepath.Abs(k.path)
	}
	if err != nil {
		return fmt.Errorf("%s: reading the path of the keys file: %w", k.Source, err)
	}
	return nil
}

// Validate reads the file: whatever is wrong with it is a configuration error, on a reload as well.
func (k *Keys) Validate() error {
	store, err := k.Open(nil, false)
	if err != nil {
		return err
	}
	if s, ok := store.(keystore.Summarizer); ok {
		summary, _ := s.Summary(context.Background()) // it is in memory
		k.plans = summary.Plans
	}
	if s, ok := store.(keystore.Admin); ok {
		for after, more := "", true; more && k.metered == ""; {
			page, _ := s.Workspaces(context.Background(), after, 1000)
			for _, w := range page {
				if after = w.ID; len(w.Quotas) > 0 {
					k.metered = w.ID
					break
				}
			}
			more = len(page) > 0
		}
	}
	return store.Close()
}

// PlansInUse are those that stood in the file when it was read. It is a PlanTeller.
func (k *Keys) PlansInUse(context.Context) []string { return k.plans }

// QuotaInUse is the first workspace of the file that has quotas of its own. It is a QuotaTeller.
func (k *Keys) QuotaInUse() string { return k.metered }

// Place is the path.
func (k *Keys) Place() string { return "file " + k.path }

// Identity is the path.
func (k *Keys) Identity() string { return k.Place() }

// Open reads the file, which only people create.
func (k *Keys) Open(report func(error), _ bool) (keystore.Store, error) {
	store, err := file.Open(k.path, report)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Source, err)
	}
	return store, nil
}

// Look reads the file. It is a StoreLooker.
func (k *Keys) Look(context.Context) (keystore.Reader, error) { return file.Open(k.path, nil) }

// File is the path.
func (k *Keys) File() string { return k.path }

// Interface guards
var (
	_ gateway.KeyStore      = (*Keys)(nil)
	_ gateway.QuotaTeller   = (*Keys)(nil)
	_ gateway.PlanTeller    = (*Keys)(nil)
	_ gateway.StoreLooker   = (*Keys)(nil)
	_ gateway.Filed         = (*Keys)(nil)
	_ caddy.Provisioner     = (*Keys)(nil)
	_ caddy.Validator       = (*Keys)(nil)
	_ caddyfile.Unmarshaler = (*Keys)(nil)
)
