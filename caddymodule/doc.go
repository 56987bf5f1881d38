// Package caddymodule is Tollgate as a Caddy module: all that an own Caddy links, by
//
//	xcaddy build --with github.com/tollgate-gateway/tollgate/caddymodule
//
// It registers the app "tollgate", the handlers "http.handlers.tollgate" and "http.handlers.tollgate_keys", the command
// "tollgate", and the guest modules that keep keys, count, and go on to the backend. Who wants fewer of those imports the
// packages below one by one: nothing but its own module links a database.
//
// # The way of a request
//
// Package gateway is the skin, all that serves inside Caddy. It reads a request's facts and asks package gate, which takes
// them through its steps (hygiene, route, authenticate, policy, limit) and gives a verdict; then it refuses, or cleans
// the headers and hands on. Package envelope stands between the client and everything that answers. The cores know no
// Caddy: each can be used and tested alone.
package caddymodule

import (
	// What serves requests, the commands, and what operators see.
	_ "github.com/tollgate-gateway/tollgate/caddymodule/command"
	_ "github.com/tollgate-gateway/tollgate/caddymodule/dashboard"
	_ "github.com/tollgate-gateway/tollgate/caddymodule/gateway"

	// Where keys are kept.
	_ "github.com/tollgate-gateway/tollgate/caddymodule/keys/file"
	_ "github.com/tollgate-gateway/tollgate/caddymodule/keys/postgres"
	_ "github.com/tollgate-gateway/tollgate/caddymodule/keys/sqlite"

	// Where limits are counted.
	_ "github.com/tollgate-gateway/tollgate/caddymodule/counters/memory"
	_ "github.com/tollgate-gateway/tollgate/caddymodule/counters/redis"

	// How requests go on to the backend.
	_ "github.com/tollgate-gateway/tollgate/caddymodule/hop/transport"
)
