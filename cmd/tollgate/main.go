// Command tollgate is Caddy with the Tollgate module.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/tollgate-gateway/tollgate/caddymodule"
)

func main() { caddycmd.Main() }
