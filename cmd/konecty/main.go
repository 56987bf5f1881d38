// Command konecty creates records in a Konecty, bare or behind the gateway: it logs in, discovers a module's fields, judges
// what is to be sent, and says all that is wrong with it at once.
//
// It exits with 0 when it is done, 1 when something was refused or invalid, 2 for wrong usage and 3 when no Konecty
// answers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

// The exit codes.
const (
	exitDone = iota
	exitRefused
	exitUsage
	exitUnreachable
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	home, _ := os.UserHomeDir() // without one there are no files of credentials
	os.Exit(run(ctx, os.Args[1:], world{getenv: os.Getenv, home: home, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// world is what the program touches besides the network.
type world struct {
	getenv         func(string) string
	home           string
	stdin          io.Reader
	stdout, stderr io.Writer
	// wait waits for a limit; nil means by the clock.
	wait func(context.Context, time.Duration) error
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// session is one run of the program: its flags and its output.
type session struct {
	world
	host, token, language string
	json, noWait          bool
	// started tells that a command's arguments were in order: errors before are usage.
	started bool
	// secrets are the token and a code once they are known, from wherever.
	secrets []string
	// out is written at the end, all at once.
	out    bytes.Buffer
	client *api.Client
}

// run runs one command and gives the exit code.
func run(ctx context.Context, arguments []string, w world) int {
	s := &session{world: w}
	root := s.rootCommand()
	root.SetArgs(arguments)
	root.SetIn(w.stdin)
	root.SetOut(&s.out)
	root.SetErr(w.stderr)
	err := root.ExecuteContext(ctx)
	if s.client != nil {
		s.client.Close()
	}
	code := s.report(err)
	if _, failed := w.stdout.Write(s.redacted(s.out.Bytes())); failed != nil && code == exitDone {
		code = exitRefused
	}
	return code
}

func (s *session) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "konecty", Short: "Discover, validate and create records in a Konecty", SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.host, "host", "", "address of the Konecty or its gateway (default KONECTY_URL, ~/.konecty/.env, ~/.konecty/credentials)")
	flags.StringVar(&s.token, "token", "", "session token or gateway key (default KONECTY_TOKEN, ~/.konecty/.env, ~/.konecty/credentials)")
	flags.StringVar(&s.language, "lang", "", "language of labels, such as en or pt_BR (default the server's)")
	flags.BoolVar(&s.json, "json", false, "print JSON, errors included")
	flags.BoolVar(&s.noWait, "no-wait", false, "fail when a limit is reached, instead of waiting once")
	root.AddCommand(s.modulesCommand(), s.searchCommand(), s.fieldsCommand(), s.lookupCommand(), s.createCommand(), s.metadataCommand(), s.loginCommand())
	return root
}

// action is what a command does once its arguments are in order.
func (s *session) action(do func(ctx context.Context, arguments []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, arguments []string) error {
		s.started = true
		return do(cmd.Context(), arguments)
	}
}

// connect finds the credentials and makes the client. It sends nothing yet.
func (s *session) connect() (*api.Client, error) {
	host, token, err := s.credentials()
	if err != nil {
		return nil, err
	}
	if err := s.reach(host, token); err != nil {
		return nil, err
	}
	return s.client, nil
}

// reach makes the client.
func (s *session) reach(host, token string) (err error) {
	s.secrets = append(s.secrets, token)
	s.client, err = api.New(api.Options{Host: host, Token: token, Language: s.language, NoWait: s.noWait, Wait: s.wait, Notice: s.say})
	if err != nil {
		return usageError{err}
	}
	return nil
}

// report says what went wrong, in one line or as the gateway's envelope, and gives the exit code.
func (s *session) report(err error) int {
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if !s.started {
		code = exitUsage
	}
	if s.json {
		s.out.Reset()
		s.printJSON(errorObject(err))
		return code
	}
	text := err.Error()
	if !s.started {
		// After these words the parser of flags repeats what was typed, which may be a token.
		text, _, _ = strings.Cut(text, " in -")
		text += ` (konecty --help lists the commands, konecty <command> --help its flags)`
	}
	s.say(text)
	return code
}

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*api.Unreachable](err); ok {
		return exitUnreachable
	}
	if refusal, ok := errors.AsType[*api.Refusal](err); ok && refusal.Away() {
		return exitUnreachable
	}
	return exitRefused
}

// errorObject is an error in the gateway's envelope. Details are the problems by field.
func errorObject(err error) any {
	code, message, details := "VALIDATION_ERROR", err.Error(), map[string]any{}
	if _, ok := errors.AsType[*api.Unreachable](err); ok {
		code = "INTERNAL_ERROR"
	}
	var problems []api.Problem
	if refusal, ok := errors.AsType[*api.Refusal](err); ok {
		problems = refusal.Problems
		if refusal.Code != "" {
			code = refusal.Code
		}
		if len(refusal.Scopes) > 0 {
			details["missing_scopes"] = refusal.Scopes
		}
	}
	if invalid, ok := errors.AsType[*invalidError](err); ok {
		message, problems = invalid.summary, invalid.problems
	}
	for _, p := range problems {
		if before, said := details[p.Field].(string); said {
			p.Text = before + "; " + p.Text
		}
		details[p.Field] = p.Text
	}
	return map[string]any{"success": false, "error": map[string]any{"code": code, "message": message, "details": details}}
}

// say prints lines for people, beside the output. What the server named may stand in them.
func (s *session) say(lines string) {
	_, _ = s.stderr.Write(s.redacted([]byte("konecty: " + printable(lines) + "\n")))
}

// shortest is the length of the shortest token that is looked for in the output; a shorter one would blot out words.
const shortest = 6

// redacted takes tokens and codes out of whatever is printed: a server may repeat them.
func (s *session) redacted(text []byte) []byte {
	for _, secret := range s.secrets {
		if len(secret) >= shortest {
			text = bytes.ReplaceAll(text, []byte(secret), []byte("[token]"))
		}
	}
	return text
}

func (s *session) printJSON(value any) {
	encoder := json.NewEncoder(&s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil { // no value of ours does that
		fmt.Fprintln(&s.out, "{}")
	}
}
