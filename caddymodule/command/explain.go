package command

import (
	"fmt"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/explain"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

func explainCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "explain", Usage: "METHOD PATH_OR_URL", Short: "Tells what would happen to a request, and why; spends nothing",
		Long: `Takes a request through the matchers and rewrites of the configuration to its gate, and through the gateway's steps, for
the holder of a key, and tells what each of them says: the route, the policies that refuse with file and line and the
values they read, the windows. A request that comes to no gate is said to be so. Handlers in front of the gate that could
change the verdict are named, and so are those behind it; none of them is run.
It needs no running gateway. If one runs, its admin endpoint is asked what is left of the windows. Nothing is spent.`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(withTable(cmd), explainRequest)
			cmd.Flags().String("key-id", "", "key whose holder asks, by its id")
			cmd.Flags().String("ip", "127.0.0.1", "client's address")
			cmd.Flags().String("query", "", "query, unless the path has it")
			cmd.Flags().String("body", "", "file with the body")
			_ = cmd.MarkFlagRequired("key-id") // fails only for flags that do not exist
		},
	}
}

func explainRequest(i *invocation) error {
	c, err := i.configuration()
	if err != nil {
		return err
	}
	question := explain.Question{Method: i.args[0], Address: i.args[1], IP: i.text("ip"), KeyID: i.text("key-id")}
	if i.given("query") {
		query := i.text("query")
		question.Query = &query
	}
	if i.given("body") {
		if question.Body, err = os.ReadFile(i.text("body")); err != nil {
			return fmt.Errorf("reading --body: %w", err)
		}
	}
	answer, err := explain.Explain(i, c, question)
	if err != nil {
		return err
	}
	if i.json() {
		return output.JSON(i.out(), answer)
	}
	_, err = i.out().Write([]byte(answer.Text(i.width())))
	return err
}
