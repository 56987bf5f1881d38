package gateway

import (
	"context"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// KeyStore is what a guest module in the namespace tollgate.keys gives: where a store lies, and how to open it. One
// cache a place stands in front of it, which survives reloads.
type KeyStore interface {
	// Place says where the store lies, for people. It holds no credentials.
	Place() string
	// Identity tells one store from another, credentials included, which it does not show: configurations with the same
	// one share a cache and its connections.
	Identity() string
	// Open gives the store. It must not wait for anybody: the first look-up may. Create lets its first use make it where
	// there is none: the gateway and "workspace create" may, other commands may not. A store that is a keystore.Admin as
	// well is one for commands.
	Open(report func(error), create bool) (keystore.Store, error)
}

// StoreMaker is a KeyStore with something to make before the store can be created: never while a configuration is only
// being checked.
type StoreMaker interface{ MakeRoom() error }

// PlanTeller is a KeyStore that can name plans that workspaces are on while a configuration is only being loaded: without
// dialling, writing or waiting for anybody. It need not know all of them.
type PlanTeller interface {
	PlansInUse(ctx context.Context) []string
}

// QuotaTeller is a KeyStore that knows, while a configuration is only being loaded, whether a workspace has quotas of its own.
type QuotaTeller interface {
	// QuotaInUse is the id of such a workspace; "": there is none.
	QuotaInUse() string
}

// StoreLooker is a KeyStore that can be looked into as it is: nothing is written, made or migrated, while a gateway runs or
// none does.
type StoreLooker interface {
	Look(ctx context.Context) (keystore.Reader, error)
}

// Remote is a guest module that speaks to another host.
type Remote interface {
	// PlainHost is a host other than this machine that it speaks to without TLS; empty: there is none.
	PlainHost() string
}

// Filed is a KeyStore that lies in a file.
type Filed interface {
	// File is the file's path.
	File() string
}

// CounterEngine is what a guest module in the namespace tollgate.counters gives. It can count from Provision on; Start
// launches what it runs in the background.
type CounterEngine interface {
	gate.Counters
	// SetPast says, before Start, who knows what was used of a quota that the engine does not know.
	SetPast(past limits.Past)
	Start() error
}
