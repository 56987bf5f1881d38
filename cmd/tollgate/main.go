// Command tollgate is Caddy with the Tollgate module: run, validate, adapt, fmt and all the rest. The commands that stand
// below "tollgate" in other builds of Caddy (workspace, key, explain, policy) stand beside those here, and demo shows
// the whole thing on one machine.
package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/tollgate-gateway/tollgate/caddymodule"
)

func init() {
	caddy.CustomBinaryName = "tollgate"
	for _, command := range caddymodule.Subcommands() {
		caddycmd.RegisterCommand(command)
	}
}

func main() { caddycmd.Main() }
