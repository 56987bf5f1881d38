package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/command"
)

// replacers are Caddy's commands that put another binary in the place of this one. They download it from Caddy's build
// service, which knows neither Tollgate nor its demo: whatever stands behind the gate would be open, or gone.
var replacers = map[string]bool{"upgrade": true, "add-package": true, "remove-package": true}

// register adds commands to Caddy's, puts those of the same name in the place of Caddy's own, takes the replacers away, and
// lets errors name their place first. At least two of the commands have names of their own. Caddy makes all commands anew,
// in the order in which they were registered, when the program is run: the last of these finds the root through the first.
func register(commands ...caddycmd.Command) {
	var added, better []caddycmd.Command
	for _, c := range commands {
		if _, taken := caddycmd.Commands()[c.Name]; taken {
			better = append(better, c)
		} else {
			added = append(added, c)
		}
	}
	var first *cobra.Command
	for n, c := range added {
		fill := c.CobraFunc
		c.CobraFunc = func(cmd *cobra.Command) {
			fill(cmd)
			switch n {
			case 0:
				first = cmd
			case len(added) - 1:
				root := first.Root()
				removeReplacers(root)
				for _, c := range better {
					replace(root, c)
				}
				cmd.GroupID = gatewayGroup // it does not belong to the root yet
				root.Version = command.Version()
				oursFirst(root, commands)
				command.AnswerSlips(root)
				sayPlaceFirst(root)
				collectSeldom(root)
			}
		}
		caddycmd.RegisterCommand(c)
	}
}

// replace puts a command in the place of the one that has its name.
func replace(root *cobra.Command, c caddycmd.Command) {
	for _, old := range root.Commands() {
		if old.Name() == c.Name {
			root.RemoveCommand(old)
		}
	}
	cmd := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
	c.CobraFunc(cmd)
	root.AddCommand(cmd)
}

// examples stand in the help of the program.
const examples = `  See it at work:               tollgate demo
  Make a workspace:             tollgate workspace create ws_acme --plan pro
  Make a key:                   tollgate key create --workspace ws_acme \
                                  --scope agent.leads.read
  Run the gateway:              tollgate run
  See why a request is refused: tollgate explain GET /leads --key-id KEY_ID
  Test a configuration:         tollgate test cases.yaml`

// The groups of commands in the help of the program.
const gatewayGroup, serverGroup = "gateway", "server"

// oursFirst shows the gateway's own commands before Caddy's in the help of the program.
func oursFirst(root *cobra.Command, ours []caddycmd.Command) {
	root.AddGroup(&cobra.Group{ID: gatewayGroup, Title: "The gateway:"}, &cobra.Group{ID: serverGroup, Title: "The server, which is Caddy:"})
	root.SetHelpCommandGroupID(serverGroup)
	root.SetCompletionCommandGroupID(serverGroup)
	root.Example = examples
	for _, cmd := range root.Commands() {
		cmd.GroupID = serverGroup
		cmd.Hidden = cmd.Hidden || cmd.Name() == "tollgate" // here its commands need no extra word
	}
	for _, c := range ours {
		if cmd, _, err := root.Find([]string{c.Name}); err == nil {
			cmd.GroupID = gatewayGroup
		}
	}
}

func removeReplacers(root *cobra.Command) {
	for _, c := range root.Commands() {
		if replacers[c.Name()] {
			root.RemoveCommand(c)
		}
	}
}
