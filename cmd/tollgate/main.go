// Command tollgate is Caddy with the Tollgate module: run, validate, adapt, fmt and all the rest. The commands that stand
// below "tollgate" in other builds of Caddy (workspace, key, explain, policy, test) stand beside those here, and demo shows
// the whole thing on one machine. Those by which Caddy replaces its own binary are gone.
package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/tollgate-gateway/tollgate/caddymodule"
	"github.com/tollgate-gateway/tollgate/caddymodule/command"
)

func init() {
	caddy.CustomBinaryName = "tollgate"
	caddy.CustomLongDescription = `Tollgate is an API gateway: Caddy, and a module that stands in front of an API.
It authenticates API keys, asks policies about scopes, addresses and plans,
applies the workspace's rate limits and gives every error one shape.`
	register(append(command.Subcommands(), demoCommand())...)
}

func main() { caddycmd.Main() }
