package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// databaseName is the key store, beside the Caddyfile.
const databaseName = "tollgate.db"

// network is what the Caddyfile calls the demo's own listeners.
const network = "demo"

func init() { caddy.RegisterNetwork(network, takeHeld) }

// documentName is the backend's contract, beside the Caddyfile.
const documentName = "openapi.yaml"

// caddyfile is the gateway's: %[1]d its port, %[2]d the backend's port, %[3]d the admin endpoint's. It names no folder, whose name
// might mean something in it.
const caddyfile = `{
	admin 127.0.0.1:%[3]d
	persist_config off
	auto_https off
	grace_period 2s
	log {
		level ERROR
	}
	tollgate {
		keys sqlite tollgate.db
		plan pro 200/1m {
			quota 10000/month
		}
	}
}
http://:%[1]d {
	bind ` + network + `/127.0.0.1
	tollgate {
		openapi ` + documentName + ` {
			validate
		}
		describe ` + agentapi.Base + ` {
			everything
		}
		mcp /mcp
		whoami ` + agentapi.Base + `/me
	}
	reverse_proxy 127.0.0.1:%[2]d
}
`

// held are the listeners that wait for Caddy, by their addresses. Caddy's own would share their port with any other
// gateway's of the same user (SO_REUSEPORT): each would get some of the other's requests. The demo's is claimed once
// and never let go of in between.
var held sync.Map

// takeHeld is what Caddy calls for a listener of the demo's network.
func takeHeld(_ context.Context, _, host, port string, _ uint, _ net.ListenConfig) (any, error) {
	address := net.JoinHostPort(host, port)
	listener, found := held.LoadAndDelete(address)
	if !found {
		return nil, fmt.Errorf("nobody holds a listener for %s", address)
	}
	return listener, nil
}

// startGateway loads the gateway into this process, on the first port that is free.
func (d *demo) startGateway() error {
	listener, err := listenNear(gatewayPort)
	if err != nil {
		return err
	}
	d.port = portOf(listener)
	held.Store(listener.Addr().String(), listener)
	if err := d.loadGateway(); err != nil {
		return errors.Join(err, listener.Close())
	}
	return nil
}

func (d *demo) loadGateway() error {
	caddy.DefaultStorage.Path = filepath.Join(d.folder, "storage")
	admin, err := freePort()
	if err != nil {
		return err
	}
	d.admin = fmt.Sprintf("127.0.0.1:%d", admin)
	if err := os.WriteFile(filepath.Join(d.folder, documentName), []byte(agentapi.Document), 0o600); err != nil {
		return err
	}
	text := fmt.Appendf(nil, caddyfile, d.port, d.backend.port, admin)
	if err := os.WriteFile(d.config(), text, 0o600); err != nil {
		return err
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": d.config()})
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// freePort is a port of the loopback address that nobody listens on: one that the kernel chooses, so never that of an admin
// endpoint which somebody else has.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a port for the admin endpoint: %w", err)
	}
	return portOf(listener), listener.Close()
}

// config is the gateway's Caddyfile, for the commands that are printed.
func (d *demo) config() string { return filepath.Join(d.folder, "Caddyfile") }
