// Command konektor serves the Agent API that the gateway's example protects: leads, analytics, conversions, the
// workspace and support tickets, as a customer's backend would.
//
// It believes the gateway's identity headers, so that it listens on loopback only unless --beyond-loopback says otherwise.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/tollgate-gateway/tollgate/examples/internal/program"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// keyVariable holds the encryption key in hexadecimal digits. It is read from the environment, not from a flag, because
// everybody on a machine sees the flags of a process.
const keyVariable = "KONEKTOR_KEY"

func main() { program.Main("konektor", run) }

// settings are what the command line and the environment say.
type settings struct {
	listen         string
	beyondLoopback bool
	backend        agentapi.Options
}

func parseSettings(arguments []string, getenv func(string) string, output io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("konektor", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:9000", "address to listen on")
	flags.BoolVar(&s.beyondLoopback, "beyond-loopback", false, "allow an address that others reach: only where nobody but the gateway can")
	flags.StringVar(&s.backend.Folder, "data", "", "folder of the database; needs "+keyVariable+" (default a temporary folder and a new key)")
	seed := flags.String("seed", "", "workspaces to fill with example data, separated by commas, such as ws_acme,ws_globex")
	if err := program.Parse(flags, arguments); err != nil {
		return s, err
	}
	if *seed != "" {
		s.backend.Seed = strings.Split(*seed, ",")
	}
	return s, s.readKey(getenv(keyVariable))
}

func (s *settings) readKey(digits string) error {
	if digits == "" {
		if s.backend.Folder != "" {
			return fmt.Errorf("reading the encryption key: --data needs %s, %d hexadecimal digits (openssl rand -hex %d)",
				keyVariable, 2*agentapi.KeySize, agentapi.KeySize)
		}
		return nil
	}
	key, err := hex.DecodeString(digits)
	if err != nil || len(key) != agentapi.KeySize {
		// Not wrapped: the error would show a part of the key.
		return fmt.Errorf("reading the encryption key: %s must be %d hexadecimal digits", keyVariable, 2*agentapi.KeySize)
	}
	s.backend.Key = key
	return nil
}

// run serves until ctx ends, then lets the requests under way finish.
func run(ctx context.Context, arguments []string, getenv func(string) string, output io.Writer) error {
	s, err := parseSettings(arguments, getenv, output)
	if err != nil {
		return err
	}
	address, err := net.ResolveTCPAddr("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("reading the address to listen on: %w", err)
	}
	if !s.beyondLoopback && !address.IP.IsLoopback() {
		return fmt.Errorf("listening on %s: others could reach it and claim to be any workspace: use 127.0.0.1, or add --beyond-loopback", s.listen)
	}
	log := slog.New(slog.NewTextHandler(output, nil))
	s.backend.Logger = log
	api, err := agentapi.New(ctx, s.backend)
	if err != nil {
		return err
	}
	defer func() { _ = api.Close() }()
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.listen, err)
	}
	log.Info("serving the Agent API", slog.String("address", "http://"+listener.Addr().String()+agentapi.Base))
	return program.Serve(ctx, listener, api)
}
