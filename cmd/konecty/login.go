package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

func (s *session) loginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "login", Short: "Open a session in a Konecty with a code that it sends, and keep it in ~/.konecty", Args: cobra.NoArgs,
		Example: "  konecty login request-otp --host https://crm.example.com --email ana@example.com\n" +
			"  konecty login verify-otp --host https://crm.example.com --email ana@example.com   # reads the code from standard input",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(s.loginOptionsCommand(), s.requestCommand(), s.verifyCommand())
	return cmd
}

func (s *session) loginOptionsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "login-options", Short: "Say how people log in; exits with 1 where no code is sent", Args: cobra.NoArgs,
		RunE: s.action(func(ctx context.Context, _ []string) error {
			if err := s.meet(); err != nil {
				return err
			}
			logins, err := s.client.Logins(ctx)
			if err != nil {
				return atGateway(err)
			}
			if !logins.Email && !logins.WhatsApp {
				return errors.New("this Konecty sends no codes: nobody can log in here from the command line")
			}
			if s.json {
				s.printJSON(logins)
				return nil
			}
			for _, way := range []struct {
				name string
				on   bool
			}{{"code by e-mail", logins.Email}, {"code by WhatsApp", logins.WhatsApp}, {"password", logins.Password}} {
				fmt.Fprintf(&s.out, "%-16s  %s\n", way.name, map[bool]string{true: "yes", false: "no"}[way.on])
			}
			return nil
		}),
	}
}

// whoFlags adds the flags that say who logs in.
func whoFlags(cmd *cobra.Command, who *api.Who) {
	cmd.Flags().StringVar(&who.Email, "email", "", "e-mail address of the user")
	cmd.Flags().StringVar(&who.Phone, "phone", "", "telephone number of the user, such as +5511999999999 (E.164)")
	cmd.MarkFlagsOneRequired("email", "phone")
	cmd.MarkFlagsMutuallyExclusive("email", "phone")
}

var (
	emailForm = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)
	phoneForm = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	codeForm  = regexp.MustCompile(`^[0-9]{6}$`)
)

func checkWho(who api.Who) error {
	switch {
	case who.Phone == "" && !emailForm.MatchString(who.Email):
		return usageError{errors.New("--email must look like ana@example.com")}
	case who.Email == "" && !phoneForm.MatchString(who.Phone):
		return usageError{errors.New("--phone must look like +5511999999999")}
	}
	return nil
}

func (s *session) requestCommand() *cobra.Command {
	var who api.Who
	cmd := &cobra.Command{
		Use: "request-otp --email ADDRESS | --phone NUMBER", Short: "Have a code sent to a user", Args: cobra.NoArgs,
		RunE: s.action(func(ctx context.Context, _ []string) error {
			if err := checkWho(who); err != nil {
				return err
			}
			if err := s.meet(); err != nil {
				return err
			}
			said, err := s.client.RequestCode(ctx, who)
			if err != nil {
				return atGateway(err)
			}
			if s.json {
				s.printJSON(map[string]string{"message": said})
				return nil
			}
			fmt.Fprintf(&s.out, "%s: \"konecty login verify-otp\" takes the code\n", said)
			return nil
		}),
	}
	whoFlags(cmd, &who)
	return cmd
}

func (s *session) verifyCommand() *cobra.Command {
	var who api.Who
	var code string
	cmd := &cobra.Command{
		Use: "verify-otp --email ADDRESS | --phone NUMBER", Short: "Open a session with the code, and write it to ~/.konecty", Args: cobra.NoArgs,
		RunE: s.action(func(ctx context.Context, _ []string) error {
			if err := checkWho(who); err != nil {
				return err
			}
			if err := s.meet(); err != nil {
				return err
			}
			if code == "" || code == "-" {
				// Everybody on a machine sees the flags of a process: standard input is the better way.
				text, err := io.ReadAll(io.LimitReader(s.stdin, 64))
				if err != nil {
					return usageError{fmt.Errorf("reading the code: %w", err)}
				}
				code = string(text)
			}
			code = strings.TrimSpace(code)
			if !codeForm.MatchString(code) {
				return usageError{errors.New("the code must be 6 digits: write them to standard input, or give --otp")}
			}
			s.secrets = append(s.secrets, code)
			opened, err := s.client.VerifyCode(ctx, who, code)
			if err != nil {
				return atGateway(err)
			}
			s.secrets = append(s.secrets, opened.Token)
			files, err := s.keep(opened)
			if err != nil {
				return err
			}
			if s.json {
				s.printJSON(map[string]any{"files": files, "userId": opened.UserID})
				return nil
			}
			fmt.Fprintf(&s.out, "logged in: the session is in %s\n", strings.Join(files, " and "))
			return nil
		}),
	}
	whoFlags(cmd, &who)
	cmd.Flags().StringVar(&code, "otp", "", "the code, 6 digits; - or nothing reads it from standard input, where nobody else sees it")
	return cmd
}

// meet makes a client that has no token yet.
func (s *session) meet() error {
	places, err := s.places()
	if err != nil {
		return err
	}
	host, err := places.hostname()
	if err != nil {
		return err
	}
	return s.reach(host, "")
}

// atGateway says how a key is had where a gateway answers: nobody logs in there.
func atGateway(err error) error {
	if refusal, ok := errors.AsType[*api.Refusal](err); ok && refusal.Code != "" && !refusal.Away() {
		return fmt.Errorf("this is a gateway, and nobody logs in to it: ask who runs it for a key (\"tollgate key create\" makes one), "+
			"and give it as KONECTY_TOKEN or --token (it said: %w)", err)
	}
	return err
}
