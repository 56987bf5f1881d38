package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// backend is the Agent API of examples/konektor, in this process.
type backend struct {
	api    *agentapi.API
	server *http.Server
	port   int
}

// startBackend serves example data of the customers' workspaces.
func startBackend(ctx context.Context, folder string, people []*customer) (*backend, error) {
	options := agentapi.Options{Folder: folder, Key: agentapi.GenerateKey()}
	for _, c := range people {
		options.Seed = append(options.Seed, c.workspace)
	}
	api, err := agentapi.New(ctx, options)
	if err != nil {
		return nil, err
	}
	listener, err := listenNear(backendPort)
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	b := &backend{api: api, server: &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}, port: portOf(listener)}
	go func() { _ = b.server.Serve(listener) }() // ends with the server
	return b, nil
}

// stop lets the requests under way finish.
func (b *backend) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if b.server.Shutdown(ctx) != nil {
		_ = b.server.Close() // whoever is still connected has had the time
	}
	return b.api.Close()
}

// tries is how many ports are tried above the wanted one.
const tries = 100

// listenNear listens on loopback, on the wanted port or on the next free one.
func listenNear(wanted int) (listener net.Listener, err error) {
	for port := wanted; port < wanted+tries; port++ {
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("no port from %d to %d is free: %w", wanted, wanted+tries-1, err)
}

func portOf(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }
