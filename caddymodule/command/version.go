package command

import (
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/build"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

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
