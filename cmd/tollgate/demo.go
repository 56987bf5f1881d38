package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/dashboard"
)

// The ports of the demo, where they are free.
const (
	gatewayPort = 8080
	backendPort = 9000
)

func demoCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "demo", Short: "Shows the gateway at work here: a backend, keys, requests to paste",
		Long: `Starts an example backend and the gateway in front of it, on loopback and in a temporary folder, with workspaces and
keys, and prints requests to paste into another terminal, the configuration of an MCP client, and where its dashboard is. Its admin endpoint is at a free port of
loopback; it touches nothing of yours. Ctrl-C ends it and removes the folder.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
				defer stop()
				signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // else it would end the process, and the folder stay
				return runDemo(ctx, cmd.OutOrStdout())
			}
		},
	}
}

// demo is everything that runs, and where.
type demo struct {
	out     io.Writer
	unread  error // why nobody reads what it prints
	end     context.CancelFunc
	folder  string
	backend *backend
	port    int    // the gateway's
	admin   string // the admin endpoint's address
	relay   *dashboard.Relay
	people  []*customer
}

// runDemo runs until ctx ends, and leaves nothing behind.
func runDemo(ctx context.Context, out io.Writer) (err error) {
	d := &demo{out: out}
	ctx, d.end = context.WithCancel(ctx)
	defer d.end()
	defer func() { err = errors.Join(err, d.stop()) }()
	switch err := d.start(ctx); {
	case ctx.Err() != nil:
		return d.unread // ended while it was starting
	case err != nil:
		return fmt.Errorf("starting the demo: %w", err)
	}
	d.invite()
	<-ctx.Done()
	if d.unread == nil {
		fmt.Fprintf(d.out, "\nending the demo, and removing %s\n", d.folder) // to whoever is left
	}
	return d.unread
}

// say tells the user what happens. Without anybody who reads it the demo is of no use, and ends.
func (d *demo) say(format string, args ...any) {
	if _, err := fmt.Fprintf(d.out, format+"\n", args...); err != nil {
		d.unread = fmt.Errorf("printing what to paste, without which the demo ends: %w", err)
		d.end()
	}
}

func (d *demo) start(ctx context.Context) (err error) {
	temporary, err := filepath.Abs(os.TempDir()) // what is printed is pasted in other folders
	if err != nil {
		return err
	}
	if d.folder, err = os.MkdirTemp(temporary, "tollgate-demo-"); err != nil {
		return err
	}
	if err := d.moveIn(); err != nil {
		return err
	}
	d.say("making workspaces and keys ...")
	if d.people, err = makeCustomers(ctx, filepath.Join(d.folder, databaseName)); err != nil {
		return err
	}
	d.say("starting the backend, an Agent API with example data ...")
	if d.backend, err = startBackend(ctx, filepath.Join(d.folder, "backend"), d.people); err != nil {
		return err
	}
	d.tellPort("backend", d.backend.port, backendPort)
	d.say("starting the gateway ...")
	if err := d.startGateway(); err != nil {
		return err
	}
	d.tellPort("gateway", d.port, gatewayPort)
	if d.relay, err = dashboard.NewRelay(d.admin, 0); err != nil {
		return err
	}
	go func() { _ = d.relay.Serve(ctx) }() // ends with the demo
	return ctx.Err()
}

// moveIn sends all that Caddy keeps in the user's folders into the demo's.
func (d *demo) moveIn() error {
	for _, variable := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME", "AppData"} {
		if err := os.Setenv(variable, filepath.Join(d.folder, "home")); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) tellPort(what string, got, wanted int) {
	if got != wanted {
		d.say("port %d is taken: the %s listens on %d", wanted, what, got)
	}
}

// stop ends what was started, in the order in which requests come in, and removes the folder.
func (d *demo) stop() error {
	err := caddy.Stop()
	if d.backend != nil {
		err = errors.Join(err, d.backend.stop())
	}
	if d.folder != "" {
		err = errors.Join(err, os.RemoveAll(d.folder))
	}
	return err
}
