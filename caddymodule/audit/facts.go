package audit

import (
	"iter"
	"net/netip"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Facts are what a configuration and its surroundings say. Places are "<file>:<line>" for words of ours, else the site and
// the directive.
type Facts struct {
	// Now is the instant at which keys are judged.
	Now time.Time
	// Config is the configuration's file.
	Config string

	// Admin is where the admin endpoint listens, if others than this machine can reach it; empty: they cannot.
	Admin string
	// Debug says that a log is written at level DEBUG.
	Debug bool
	// Servers are the HTTP servers that have a gate, with those that have none.
	Servers []Server
	// Gates are the gates of all servers.
	Gates []Gate
	// Proxies are the reverse proxies that requests come to.
	Proxies []Proxy
	// Orders are mistakes in the order of handlers before gates.
	Orders []Order

	// Plans are the plans that the configuration writes; Known are those with the default ones.
	Plans []Plan
	Known record.Plans
	// Options are words of the global option that weaken the gate, by the name of their rule.
	Options []Option
	// Counters says that the counts are this gateway's own although the key store is made for several gateways.
	Counters *Option

	// Policies describe the policies of the team's own and the embedded ones.
	Policies Policies
	// Files are what lies on disk.
	Files []File
	// Secrets gives the names of the values that a workspace has in the secrets folder; nil: it could not be read, or none is
	// configured.
	Secrets func(workspace, name string) bool
	// Manages says that the configuration has tollgate_keys.
	Manages bool

	// Store is the key store; its iterators are nil where it could not be opened.
	Store Store
	// Skipped is what could not be looked at while the facts were gathered.
	Skipped []Skipped
}

// Server is an HTTP server of the configuration.
type Server struct {
	// Place is its name and what it listens on.
	Place string
	// Gated says that a gate stands in it.
	Gated bool
	// Trusts says that it has trusted proxies; Proxies are those that are written, and Strict that addresses are read from the
	// right.
	Trusts  bool
	Proxies []netip.Prefix
	Strict  bool
	// LogsCredentials says that its access log shows Authorization and cookies.
	LogsCredentials bool
	// Queries are the logs that show the queries of its requests.
	Queries []string
	// KeysIn are places of callers' keys, other than Authorization, that its access log shows, such as "header X-API-Key".
	KeysIn []string
}

// Gate is a site's gate.
type Gate struct {
	// Place is the directive's.
	Place string
	// Routes are its routes.
	Routes []Route
	// Injects are the headers that it sets for the backend.
	Injects []Inject
	// Options are words of its own that weaken it, by the name of their rule.
	Options []Option
}

// Route is a route of a gate.
type Route struct {
	Place   string
	Methods []string
	Pattern string
	Scopes  []string
	Cost    int64
	Public  bool
	Whoami  bool
}

// Inject is a header that a gate sets for the backend.
type Inject struct {
	Place, Header string
	// Secrets are the names of the values in the secrets folder that it needs.
	Secrets []string
	// Literal says that the value is a credential that stands in the configuration.
	Literal bool
}

// Proxy is a reverse proxy that requests come to.
type Proxy struct {
	// Place is the site with the paths, and the directive.
	Place string
	// Backends are where it sends requests.
	Backends []string
	// Gated says that requests come to it through a gate, Ungated that some come past all gates.
	Gated, Ungated bool
	// Beside says that its site has a gate.
	Beside bool
	// Unverified says that it takes any certificate of the backend.
	Unverified bool
}

// Order is a mistake in the order of handlers.
type Order struct {
	Place, What string
	// Fatal says that the gateway refuses to load the configuration.
	Fatal bool
}

// Plan is a plan that the configuration writes.
type Plan struct {
	Place string
	*record.Plan
}

// Option is a word that weakens the gate: the rule of that name applies to it.
type Option struct {
	Rule, Place, What string
}

// Policies are what is known of the policies.
type Policies struct {
	// Loaded says that they could be loaded.
	Loaded bool
	// Remembered says that decisions are remembered; Why says what keeps them from it, with file and line.
	Remembered bool
	Why        string
	// Place is where the configuration names the team's own.
	Place string
	// ReadScopes is a file of the team's own that reads the scopes of keys; empty: none does.
	ReadScopes string
	// Warnings are most likely mistakes, with file and line.
	Warnings []string
}

// Kinds of File.
const (
	KindStore  = "key store"
	KindSecret = "secret"
	KindConfig = "configuration"
	KindPolicy = "policies"
)

// File is a file or folder of the gateway's.
type File struct {
	// Kind is one of the kinds above.
	Kind, Path string
	// Reads and Writes say what users of the machine may do that are neither its owner nor in its group.
	Reads, Writes bool
}

// Store is the key store.
type Store struct {
	// Place is where it lies, without credentials.
	Place string
	// Why is why it could not be read; empty: it could.
	Why string
	// Uses says that it knows when keys were last used.
	Uses bool
	// Workspaces and Keys give all of them, once.
	Workspaces iter.Seq2[*record.Workspace, error]
	Keys       iter.Seq2[*keystore.Key, error]
}

// Skipped is what was not looked at.
type Skipped struct {
	// Rules are the rules that found nothing for this reason.
	Rules []string `json:"rules"`
	// Why is the reason.
	Why string `json:"why"`
}
