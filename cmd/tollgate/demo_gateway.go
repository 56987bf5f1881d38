package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// databaseName is the key store, beside the Caddyfile.
const databaseName = "tollgate.db"

// caddyfile is the gateway's: %[1]s its folder, %[2]d its port, %[3]s the routes, %[4]d the backend's port.
const caddyfile = `{
	admin off
	persist_config off
	auto_https off
	grace_period 2s
	storage file_system "%[1]s/storage"
	log {
		level ERROR
	}
	tollgate {
		keys sqlite tollgate.db
	}
}

http://:%[2]d {
	bind 127.0.0.1
	tollgate {
%[3]s		whoami ` + agentapi.Base + `/me
	}
	reverse_proxy 127.0.0.1:%[4]d
}
`

// startGateway loads the gateway into this process. Somebody may take its port between looking and listening: the next
// one is tried then.
func (d *demo) startGateway() error {
	for {
		listener, err := listenNear(gatewayPort)
		if err != nil {
			return err
		}
		d.port = portOf(listener)
		if err := listener.Close(); err != nil {
			return err
		}
		err = d.loadGateway()
		if err == nil || isFree(d.port) {
			return err // whatever is wrong, it is not the port
		}
	}
}

func isFree(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func (d *demo) loadGateway() error {
	text := fmt.Appendf(nil, caddyfile, filepath.ToSlash(d.folder), d.port, routes(), d.backend.port)
	if err := os.WriteFile(d.config(), text, 0o600); err != nil {
		return err
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": d.config()})
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// config is the gateway's Caddyfile, for the commands that are printed.
func (d *demo) config() string { return filepath.Join(d.folder, "Caddyfile") }

// routes are the lines for the endpoints that the backend has.
func routes() string {
	var b strings.Builder
	for _, route := range agentapi.Routes() {
		path := strings.NewReplacer("{", ":", "}", "").Replace(agentapi.Base + route.Path)
		if route.Scope == "" {
			fmt.Fprintf(&b, "\t\tpublic %s %s\n", route.Method, path)
			continue
		}
		fmt.Fprintf(&b, "\t\troute %s %s %s\n", route.Method, path, route.Scope)
	}
	return b.String()
}
