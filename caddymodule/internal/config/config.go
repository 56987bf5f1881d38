// Package config finds the gateway's configuration for commands, and opens its key store.
package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// Defaults are where commands look for a configuration.
var Defaults = []string{"Caddyfile", "/etc/caddy/Caddyfile"}

// ErrNone says that no configuration was named and that there is none at the default places.
var ErrNone = fmt.Errorf("reading configuration: there is no %s: name one with --config", strings.Join(Defaults, " and no "))

// Configuration is what a command reads of the gateway's.
type Configuration struct {
	// File is where it lies.
	File string
	// Document is all of it, as Caddy's JSON.
	Document []byte

	apps map[string]json.RawMessage
}

// Of gives a configuration that is Caddy's JSON already. The name stands for it in errors.
func Of(name string, document []byte) (*Configuration, error) {
	var whole struct {
		Apps map[string]json.RawMessage `json:"apps"`
	}
	if err := json.Unmarshal(document, &whole); err != nil {
		return nil, fmt.Errorf("reading configuration %s: %w", name, err)
	}
	return &Configuration{File: name, Document: document, apps: whole.Apps}, nil
}

// Find reads the configuration in the file, or the first default one where the name is empty. The adapter may be empty:
// the file's name then tells a Caddyfile, as it does to Caddy.
func Find(file, adapter string) (*Configuration, error) {
	text, err := read(&file)
	if err != nil {
		return nil, err
	}
	document, err := adapt(text, file, adapter)
	if err != nil {
		return nil, err
	}
	c, err := Of(file, document)
	if err != nil {
		return nil, fmt.Errorf("reading configuration %s: it is neither a Caddyfile nor JSON, name its format with --adapter: %w", file, errors.Unwrap(err))
	}
	return c, nil
}

// read reads the file, or the first default one, whose name it then writes into file.
func read(file *string) ([]byte, error) {
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err != nil {
			return nil, fmt.Errorf("reading configuration: %w", err)
		}
		return text, nil
	}
	for _, *file = range Defaults {
		text, err := os.ReadFile(*file)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, ErrNone
}

// adapt gives the configuration as Caddy's JSON.
func adapt(text []byte, file, adapter string) ([]byte, error) {
	name := strings.ToLower(filepath.Base(file))
	if adapter == "" && filepath.Ext(name) != ".json" && (strings.HasPrefix(name, "caddyfile") || strings.HasSuffix(name, ".caddyfile")) {
		adapter = "caddyfile"
	}
	if adapter == "" || adapter == "json" {
		return text, nil
	}
	found := caddyconfig.GetAdapter(adapter)
	if found == nil {
		return nil, fmt.Errorf("reading configuration %s: there is no adapter '%s'", file, adapter)
	}
	document, _, err := found.Adapt(text, map[string]any{"filename": file}) // warnings are for those who run it
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	return document, nil
}

// App gives the gateway's part of the configuration, with its plans, not provisioned. One without it has the defaults.
func (c *Configuration) App() (*gateway.App, error) {
	app, err := gateway.ReadApp(c.apps["tollgate"])
	return app, c.Wrong(err)
}

// Servers reads the configuration's HTTP servers.
func (c *Configuration) Servers() ([]*site.Server, error) {
	servers, err := site.Servers(c.apps["http"])
	return servers, c.Wrong(err)
}

// AdminAddress is where the admin endpoint is of a gateway that runs with this configuration.
func (c *Configuration) AdminAddress() (string, error) {
	var read struct {
		Admin caddy.AdminConfig `json:"admin"`
	}
	switch err := json.Unmarshal(c.Document, &read); {
	case err != nil:
		return "", c.Wrong(err)
	case read.Admin.Disabled:
		return "", errors.New("the configuration has no admin endpoint by which a running gateway could be asked")
	}
	return cmp.Or(read.Admin.Listen, caddy.DefaultAdminListen), nil
}

// Wrong names the configuration in an error about it.
func (c *Configuration) Wrong(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading configuration %s: %w", c.File, err)
}
