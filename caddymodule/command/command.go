package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "tollgate",
		Usage: "<command>",
		Short: "Manages the API gateway's workspaces and keys, explains its decisions, tests its policies",
		CobraFunc: func(cmd *cobra.Command) {
			var subs []*cobra.Command
			for _, c := range Subcommands() {
				sub := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
				c.CobraFunc(sub)
				subs = append(subs, sub)
			}
			group(cmd, subs...)
		},
	})
}

// Subcommands are the commands below "tollgate". A program of its own registers them without the extra word.
func Subcommands() []caddycmd.Command {
	commands := []caddycmd.Command{
		workspaceCommands(), keyCommands(), explainCommand(), policyCommands(), testCommand(), storeCommands(), usageCommand(), dashboardCommand(),
		healthCommand(), auditCommand(), routesCommand(), mcpCommands(), versionCommand(),
	}
	for n := range commands {
		fill, words := commands[n].CobraFunc, commands[n].Name
		commands[n].CobraFunc = func(cmd *cobra.Command) {
			fill(cmd)
			polish(cmd, words)
		}
	}
	return commands
}

// group gives a command its sub-commands. By itself it does nothing but say which they are.
func group(cmd *cobra.Command, subs ...*cobra.Command) {
	cmd.AddCommand(subs...)
	names := make([]string, len(subs))
	for i, sub := range subs {
		names[i] = sub.Name()
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd.Name(), args[0], names, fmt.Sprintf("write one of %s after '%s'", strings.Join(names, ", "), cmd.Name()))
		}
		return fmt.Errorf("'%s' needs a command: write one of %s", cmd.Name(), strings.Join(names, ", "))
	}
}

// invocation is one run of a command.
type invocation struct {
	context.Context
	cmd  *cobra.Command
	args []string
}

// command makes a sub-command. Use names its arguments in capitals: each is needed, unless it stands in brackets.
func command(use, short string, run func(*invocation) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	runnable(cmd, run)
	return cmd
}

// withTable gives a command whose answer is a table the flag that width reads.
func withTable(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("wide", false, "all columns, and values whole, whatever the width")
	return cmd
}

// runnable gives a command its arguments, by its use line, the flags that all have, and what it does.
func runnable(cmd *cobra.Command, run func(*invocation) error) {
	use := cmd.Use
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := checkArguments(cmd, use, args); err != nil {
			return err
		}
		return checkFlags(cmd.Flags())
	}
	cmd.Flags().StringP("config", "c", "", "configuration that names the key store (default ./Caddyfile, then /etc/caddy/Caddyfile)")
	cmd.Flags().StringP("adapter", "a", "", "adapter for a configuration that is neither a Caddyfile nor JSON")
	cmd.Flags().Bool("json", false, "answer for programs")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return oneLine(run(&invocation{Context: cmd.Context(), cmd: cmd, args: args}))
	}
}

// checkArguments compares what was written with the capitals in the use line. The last of them may be repeated where three
// dots follow it.
func checkArguments(cmd *cobra.Command, use string, args []string) error {
	var names []string
	least := 0
	for _, word := range strings.Fields(use)[1:] {
		if word != strings.ToUpper(word) {
			continue
		}
		if names = append(names, strings.Trim(word, "[].")); word[0] != '[' {
			least++
		}
	}
	switch {
	case len(args) < least:
		return fmt.Errorf("missing %s; usage: %s", names[len(args)], use)
	case len(args) > len(names) && !strings.HasSuffix(use, "..."):
		return unexpected(cmd, use, args[len(names)])
	}
	for i, arg := range args {
		if arg == "" {
			return fmt.Errorf("%s is empty: write one", names[min(i, len(names)-1)])
		}
	}
	return nil
}

// unexpected refuses an argument that the command does not take. It is shown only if it is clearly an id: some write a
// secret there.
func unexpected(cmd *cobra.Command, use, argument string) error {
	shown := "unexpected argument"
	if strings.HasPrefix(argument, "ws_") || strings.HasPrefix(argument, "key_") {
		shown += " '" + argument + "'"
	}
	if workspace := cmd.Flags().Lookup("workspace"); workspace != nil && !workspace.Changed && strings.HasPrefix(argument, "ws_") {
		return fmt.Errorf("%s: use --workspace %s", shown, argument)
	}
	return fmt.Errorf("%s; usage: %s", shown, use)
}

// checkFlags refuses a flag that was written without a value: a variable that is not set shall never mean "none", as in
// --expires "$EXPIRES".
func checkFlags(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(flag *pflag.Flag) {
		empty := flag.Value.String() == ""
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			empty = slices.Contains(list.GetSlice(), "")
		}
		if empty && err == nil {
			err = fmt.Errorf("--%s is empty: write a value, or leave the flag out", flag.Name)
		}
	})
	return err
}

// oneLine makes an error of several lines one of one.
func oneLine(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}

// text is the value of a flag.
func (i *invocation) text(flag string) string {
	value, _ := i.cmd.Flags().GetString(flag)
	return value
}

// list is the value of a flag that may be repeated. GetStringArray would take a single empty value for none.
func (i *invocation) list(flag string) []string {
	return i.cmd.Flags().Lookup(flag).Value.(interface{ GetSlice() []string }).GetSlice()
}

// given reports whether a flag was written.
func (i *invocation) given(flag string) bool { return i.cmd.Flags().Changed(flag) }

// json reports whether the answer is for a program.
func (i *invocation) json() bool {
	json, _ := i.cmd.Flags().GetBool("json")
	return json
}

// width is how many cells a line of the answer has; 0 is any width.
func (i *invocation) width() int {
	if wide, _ := i.cmd.Flags().GetBool("wide"); wide {
		return 0
	}
	return output.Width
}

func (i *invocation) out() io.Writer { return i.cmd.OutOrStdout() }

// note tells people something beside the answer.
func (i *invocation) note(format string, args ...any) {
	fmt.Fprintf(i.cmd.ErrOrStderr(), format+"\n", args...)
}

// actor says who runs the command, for the history of the key store.
func actor() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return "command " + name + "@" + host
}
