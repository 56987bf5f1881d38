package command

import (
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/build"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

func healthCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "health", Short: "Says whether a gateway runs with the configuration: exits 0 or 1",
		Long: `Asks the admin endpoint of the gateway that runs with the configuration, and exits 0 if it answers, 1 if it does not within
three seconds. It is what a container's health check runs.

What the gateway needs and cannot reach (the key store, Redis) is printed, and does not make it unhealthy: it goes on without
them as its configuration says, and a restart would only lose what it knows.`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(cmd, health)
			cmd.Flags().String("address", "", "address of the gateway's admin endpoint (default: the configuration's)")
		},
	}
}

// healthView is what the command prints.
type healthView struct {
	Gateway string `json:"gateway"`
	Version string `json:"version"`
	// Away is what the gateway goes on without.
	Away []string `json:"away"`
}

func health(i *invocation) error {
	admin, err := i.adminAddress()
	if err != nil {
		return err
	}
	state, err := config.GetAdmin[gateway.State](admin, gateway.AdminPath+"status")
	if err != nil {
		return fmt.Errorf("no gateway answers at the admin endpoint %s: %w", admin, err)
	}
	view := healthView{Gateway: admin, Version: state.Version, Away: []string{}}
	for _, failure := range state.Keys.Failing {
		view.Away = append(view.Away, fmt.Sprintf("key store %s (%s): %s", state.Keys.Place, failure.What, failure.Error))
	}
	if shared := state.Counters.Shared; shared != nil {
		for _, failure := range shared.Away {
			view.Away = append(view.Away, fmt.Sprintf("counters at %s: %s", shared.PlaceOf(failure), failure.Error))
		}
	}
	if i.json() {
		return output.JSON(i.out(), view)
	}
	if _, err := fmt.Fprintf(i.out(), "the gateway at %s runs (tollgate %s)\n", admin, state.Version); err != nil {
		return err
	}
	for _, away := range view.Away {
		i.note("it goes on without %s", output.Printable(away))
	}
	return nil
}

// Version is the version of Tollgate in this program, with the commit where no version was given.
func Version() string { return build.Read().String() }

func versionCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "version", Usage: "[--json]", Short: "Prints the versions of Tollgate, Caddy, OPA and Go",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.NoArgs
			cmd.Flags().Bool("json", false, "answer for programs")
			cmd.RunE = printVersion
		},
	}
}

func printVersion(cmd *cobra.Command, _ []string) error {
	b := build.Read()
	if asked, _ := cmd.Flags().GetBool("json"); asked {
		return output.JSON(cmd.OutOrStdout(), b)
	}
	return output.Fields(cmd.OutOrStdout(), "tollgate", b.Tollgate, "commit", output.Dash(b.Commit), "caddy", b.Caddy, "opa", b.OPA, "go", b.Go,
		"schema", fmt.Sprintf("%d of key databases, shared with programs of %d and later", b.Schema, b.OldestSchema))
}
