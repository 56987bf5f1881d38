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
	"strings"

	"github.com/tollgate-gateway/tollgate/examples/internal/program"
	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// tokenVariable holds the session token. It is read from the environment, not from a flag, because everybody on a machine
// sees the flags of a process.
const tokenVariable = "KONECTY_TOKEN"

func main() { program.Main("konecty", run) }

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
	if err := program.Parse(flags, arguments); err != nil {
		return s, err
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
	return program.Serve(ctx, listener, server)
}
