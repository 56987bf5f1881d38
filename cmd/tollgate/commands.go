package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// replacers are Caddy's commands that put another binary in the place of this one. They download it from Caddy's build
// service, which knows neither Tollgate nor its demo: whatever stands behind the gate would be open, or gone.
var replacers = map[string]bool{"upgrade": true, "add-package": true, "remove-package": true}

// register adds commands to Caddy's, of which there must be two at least, takes the replacers away, and lets errors name their place first. Caddy makes all
// commands anew, in the order in which they were registered, when the program is run: the last of these finds the root
// through the first.
func register(commands ...caddycmd.Command) {
	var first *cobra.Command
	for n, c := range commands {
		fill := c.CobraFunc
		c.CobraFunc = func(cmd *cobra.Command) {
			fill(cmd)
			switch n {
			case 0:
				first = cmd
			case len(commands) - 1:
				removeReplacers(first.Root())
				sayPlaceFirst(first.Root())
			}
		}
		caddycmd.RegisterCommand(c)
	}
}

func removeReplacers(root *cobra.Command) {
	for _, command := range root.Commands() {
		if replacers[command.Name()] {
			root.RemoveCommand(command)
		}
	}
}
