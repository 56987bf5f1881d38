// Command konecty serves a backend that behaves like a Konecty server: the example of an API that answers every call with
// 200 and says failure in the body, and that the gateway puts right. It has the real server's weaknesses too: let nobody
// but a gateway reach it. README.md beside it says what was tried on the real one.
//
// It takes one session token, from KONECTY_TOKEN: the gateway's secret, which no caller ever sees.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// tokenVariable holds the session token. It is read from the environment, not from a flag, because everybody on a machine
// sees the flags of a process.
const tokenVariable = "KONECTY_TOKEN"

// stopWithin is how long requests under way may still take after a signal.
const stopWithin = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "konecty:", err)
		os.Exit(1)
	}
}

// settings are what the command line and the environment say.
type settings struct {
	listen       string
	databaseDown bool
	silent       bool
	server       crm.Options
}

func parseSettings(arguments []string, getenv func(string) string, output io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("konecty", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:9001", "address to listen on")
	flags.BoolVar(&s.databaseDown, "database-down", false, "fail as the real server does without its database")
	flags.BoolVar(&s.silent, "silent", false, "take requests and never answer")
	denied := flags.String("deny", "", "what the session may not create, separated by commas, such as Product,Message.status")
	if err := flags.Parse(arguments); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("reading the command line: unexpected word %q", flags.Arg(0))
	}
	if *denied != "" {
		s.server.Denied = strings.Split(*denied, ",")
	}
	if s.server.Token = getenv(tokenVariable); s.server.Token == "" {
		return s, errors.New("reading the session token: set " + tokenVariable + " (openssl rand -hex 24), the same as the gateway's secret konecty_token")
	}
	return s, nil
}

// run serves until ctx ends, then lets the requests under way finish.
func run(ctx context.Context, arguments []string, getenv func(string) string, output io.Writer) error {
	s, err := parseSettings(arguments, getenv, output)
	if err != nil {
		return err
	}
	server, err := crm.New(s.server)
	if err != nil {
		return err
	}
	server.SetDatabaseDown(s.databaseDown)
	server.SetSilent(s.silent)
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.listen, err)
	}
	slog.New(slog.NewTextHandler(output, nil)).Info("serving a Konecty", slog.String("address", "http://"+listener.Addr().String()))
	return serve(ctx, listener, server)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	// No WriteTimeout: a server that never answers must go on doing so.
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return fmt.Errorf("stopping: %w", errors.Join(err, server.Close()))
	}
	return nil
}
