package command

import (
	"fmt"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/survey"
)

func auditCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "audit", Usage: "[--json]", Short: "Tells what is dangerous or dead in a configuration",
		Long: `Reads the configuration, its policies, secrets and, where it can be reached,
the key store, and tells what is dangerous or dead: where, why, what to do.

  danger   lets somebody past the gate, or shows a credential
  warning  does not protect, or does not work, as it looks
  note     is dead, or wider than it needs to be

Writes and creates nothing, and needs no gateway; one may run. What could not
be looked at is named. 'tollgate validate' tells whether the configuration
loads at all. The exit code is 0 without a danger, 1 with one, and 2 where the
configuration cannot be read.`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(cmd, auditConfiguration)
			cmd.RunE = exitTwo(cmd.RunE)
		},
	}
}

// errDanger ends an audit that found a danger.
type errDanger struct{ count int }

func (e errDanger) Error() string {
	if e.count == 1 {
		return "1 danger was found"
	}
	return fmt.Sprintf("%d dangers were found", e.count)
}

func auditConfiguration(i *invocation) error {
	c, err := i.configuration()
	if err != nil {
		return err
	}
	facts, free, err := survey.Take(i, c, time.Now())
	if err != nil {
		return err
	}
	defer free()
	report, err := audit.Audit(i, facts)
	if err != nil {
		return err
	}
	if i.json() {
		err = output.JSON(i.out(), report)
	} else {
		_, err = i.out().Write([]byte(report.Text()))
	}
	if err == nil && report.Dangers() > 0 {
		return errDanger{report.Dangers()}
	}
	return err
}

// exitTwo has a command that could not do its work end the program with 2: 1 is what an audit with a danger ends with. Caddy
// says nothing of an error that carries a code.
func exitTwo(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err == nil {
			return nil
		}
		if _, found := err.(errDanger); found {
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "Error: "+err.Error())
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return 2, err })(cmd, args)
	}
}
