package command

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// configuration reads the one that --config names, or a default one.
func (i *invocation) configuration() (*config.Configuration, error) {
	return config.Find(i.text("config"), i.text("adapter"))
}

// app reads the gateway's part of the configuration.
func (i *invocation) app() (*gateway.App, error) {
	_, app, err := i.gateway()
	return app, err
}

// gateway reads the configuration, and the gateway's part of it.
func (i *invocation) gateway() (*config.Configuration, *gateway.App, error) {
	c, err := i.configuration()
	if err != nil {
		return nil, nil, err
	}
	app, err := c.App()
	return c, app, err
}

// read lets a command look into the store.
func (i *invocation) read(do func(*config.Store) error) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	s, err := config.Open(i, app, false)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// done is a change that is committed.
type done struct {
	// nothing says that the store held all of it before.
	nothing bool
	// committed says what the store holds now. The error says so if the answer cannot be printed.
	committed string
	// print gives the answer.
	print func() error
}

// write lets a command change the store, and says where that is, before its answer: what is committed is told, whatever
// becomes of the answer.
func (i *invocation) write(app *gateway.App, create bool, do func(*config.Store, keystore.Act) (done, error)) error {
	s, err := config.Open(i, app, create)
	if err != nil {
		return err
	}
	defer s.Close()
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE) // without it a closed pipe would end the program before it says that the change is made
	defer signal.Stop(pipe)
	words := strings.Fields(i.cmd.CommandPath())
	d, err := do(s, keystore.Act{By: actor(), Action: strings.Join(words[max(0, len(words)-2):], " ")})
	if err != nil {
		return err
	}
	if d.nothing {
		i.note("nothing changed in key store: %s", s.Place)
		return d.print()
	}
	i.note("changed key store: %s", s.Place)
	if err := d.print(); err != nil {
		return fmt.Errorf("%s: printing the answer: %w", d.committed, err)
	}
	return nil
}
