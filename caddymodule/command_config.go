package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// defaultConfigs are where commands look for a configuration.
var defaultConfigs = []string{"Caddyfile", "/etc/caddy/Caddyfile"}

// errNoConfiguration is none at all, where none was named.
var errNoConfiguration = fmt.Errorf("reading configuration: there is no %s: name one with --config", strings.Join(defaultConfigs, " and no "))

// configuration is what a command reads of the gateway's.
type configuration struct {
	// file is where it lies.
	file string
	// document is all of it, as Caddy's JSON.
	document []byte
	// apps are its apps by name.
	apps map[string]json.RawMessage
}

// configuration reads the one that --config names, or a default one.
func (i *invocation) configuration() (*configuration, error) {
	file := i.text("config")
	text, err := readConfig(&file)
	if err != nil {
		return nil, err
	}
	document, err := adapt(text, file, i.text("adapter"))
	if err != nil {
		return nil, err
	}
	c := &configuration{file: file, document: document}
	var read struct {
		Apps map[string]json.RawMessage `json:"apps"`
	}
	if err := json.Unmarshal(document, &read); err != nil {
		return nil, fmt.Errorf("reading configuration %s: it is neither a Caddyfile nor JSON, name its format with --adapter: %w", file, err)
	}
	c.apps = read.Apps
	return c, nil
}

// readConfig reads the file, or the first default one, whose name it then writes into file.
func readConfig(file *string) ([]byte, error) {
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err != nil {
			return nil, fmt.Errorf("reading configuration: %w", err)
		}
		return text, nil
	}
	for _, *file = range defaultConfigs {
		text, err := os.ReadFile(*file)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, errNoConfiguration
}

// adapt gives the configuration as Caddy's JSON. Without an adapter the file's name tells a Caddyfile, as it does to Caddy.
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

// app gives the gateway's part of the configuration, with its plans and the place of its key store, not provisioned. One
// without it has the defaults.
func (c *configuration) app() (*App, error) {
	app := new(App)
	if raw := c.apps["tollgate"]; raw != nil {
		if err := caddy.StrictUnmarshalJSON(raw, app); err != nil {
			return nil, fmt.Errorf("reading configuration %s: %w", c.file, err)
		}
	}
	app.defaults()
	var err error
	app.planTable, err = app.plans()
	return app, err
}

// store is a key store in the hands of a command.
type store struct {
	keystore.Admin
	keystore.Store
	// place is where it lies, for people.
	place string
	// app is the gateway whose keys it holds.
	app *App

	free context.CancelFunc
}

// bare is a Caddy without apps, in which commands load modules. What these log is none of the answer, but for errors.
var bare = sync.OnceValues(func() (caddy.Context, error) {
	return caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: zapcore.ErrorLevel.CapitalString()}},
	}}})
})

// modules gives a context to load modules in, and the function that cleans them up.
func (i *invocation) modules() (caddy.Context, context.CancelFunc, error) {
	ctx, err := bare()
	if err != nil {
		return ctx, nil, fmt.Errorf("preparing to load modules: %w", err)
	}
	ctx.Context = i.Context
	ctx, free := caddy.NewContext(ctx)
	return ctx, free, nil
}

// open opens the key store of the configuration. Create lets the command make it where there is none. The caller closes it.
func (i *invocation) open(app *App, create bool) (*store, error) {
	ctx, free, err := i.modules()
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, app, create)
	if err != nil {
		free()
		return nil, err
	}
	s.free = free
	return s, nil
}

func openStore(ctx caddy.Context, app *App, create bool) (*store, error) {
	module, err := app.loadKeyStore(ctx)
	if err != nil {
		return nil, err
	}
	return openLoaded(app, module, create)
}

func openLoaded(app *App, module KeyStore, create bool) (*store, error) {
	if maker, ok := module.(storeMaker); ok && create {
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
		return nil, errors.Join(fmt.Errorf("key store %s knows no commands", module.Place()), opened.Close())
	}
	return &store{Admin: admin, Store: opened, place: module.Place(), app: app}, nil
}

// close frees the store.
func (s *store) close() {
	_ = s.Store.Close() // everything acknowledged is committed: nothing is lost by a failure
	s.free()
}

// checkPlan refuses a plan that the configuration does not know: its workspaces would be denied.
func (a *App) checkPlan(name string) error {
	if a.planTable[name] != nil {
		return nil
	}
	return fmt.Errorf("plan '%s' is not configured: write one of %s", name,
		strings.Join(slices.Sorted(maps.Keys(a.planTable)), ", "))
}

// app reads the gateway's part of the configuration.
func (i *invocation) app() (*App, error) {
	c, err := i.configuration()
	if err != nil {
		return nil, err
	}
	return c.app()
}

// read lets a command look into the store.
func (i *invocation) read(do func(*store) error) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	s, err := i.open(app, false)
	if err != nil {
		return err
	}
	defer s.close()
	return do(s)
}

// done is a change that is committed.
type done struct {
	// nothing says that everything was so before.
	nothing bool
	// unheard says what there is now, for when it cannot be printed.
	unheard string
	// print gives the answer.
	print func() error
}

// write lets a command change the store, and says where that is, before its answer: what is committed is told, whatever
// becomes of the answer.
func (i *invocation) write(app *App, create bool, do func(*store, keystore.Act) (done, error)) error {
	s, err := i.open(app, create)
	if err != nil {
		return err
	}
	defer s.close()
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE) // else nobody who reads would be the end of us, without a word
	defer signal.Stop(pipe)
	words := strings.Fields(i.cmd.CommandPath())
	d, err := do(s, keystore.Act{By: actor(), Action: strings.Join(words[max(0, len(words)-2):], " ")})
	if err != nil {
		return err
	}
	if d.nothing {
		i.note("nothing changed in key store: %s", s.place)
		return d.print()
	}
	i.note("changed key store: %s", s.place)
	if err := d.print(); err != nil {
		return fmt.Errorf("%s: printing the answer: %w", d.unheard, err)
	}
	return nil
}
