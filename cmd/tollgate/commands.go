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
				root.Version = command.Version()
				sayPlaceFirst(root)
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

func removeReplacers(root *cobra.Command) {
	for _, c := range root.Commands() {
		if replacers[c.Name()] {
			root.RemoveCommand(c)
		}
	}
}
