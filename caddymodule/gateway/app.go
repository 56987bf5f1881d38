// Package gateway is all of Tollgate that serves inside Caddy: the app "tollgate" with what all sites share, the handler
// "http.handlers.tollgate" that stands in front of an API, "http.handlers.tollgate_keys" behind it, the Caddyfile's words
// for them, metrics, logs and the admin endpoint. It is thin: it converts between Caddy and the cores, which know no
// Caddy. Start at Handler.ServeHTTP.
//
// Where keys are kept and limits are counted is the affair of guest modules: implement KeyStore or CounterEngine and
// register a module in the namespace tollgate.keys or tollgate.counters. Rehearse judges a request without serving it.
package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/meter"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/secrets"
)

func init() { caddy.RegisterModule(new(App)) }

// App holds what all sites of a configuration share: keys, counters, plans, policies and throttles. A configuration
// without it gets one with the defaults.
type App struct {
	// KeysRaw is the key store: a guest module of the namespace tollgate.keys. Default: sqlite, in Caddy's data folder.
	KeysRaw json.RawMessage `json:"keys,omitempty" caddy:"namespace=tollgate.keys inline_key=store"`
	// StaleKeys is how long known keys live while the store is away. 0: not at all. Default: 5m.
	StaleKeys *caddy.Duration `json:"stale_keys,omitempty"`
	// KnownKeys is how many keys in use are kept in memory at most; those unused for longest go first. A key takes less
	// than 1 KiB. Default: 131072.
	KnownKeys int `json:"known_keys,omitempty"`
	// CountersRaw is the counter engine: a guest module of the namespace tollgate.counters. Default: memory.
	CountersRaw json.RawMessage `json:"counters,omitempty" caddy:"namespace=tollgate.counters inline_key=engine"`
	// Plans stand in for the default plans of the same name; the other defaults stay.
	Plans []Plan `json:"plans,omitempty"`
	// Policies are folders, files and bundles that add to the embedded policies. Their paths may hold placeholders.
	Policies []string `json:"policies,omitempty"`
	// PolicyTimeout is how long a decision may run before the request is refused with 500: its time on a core where the system
	// tells it, without the time that it waits for others. Default: 100ms.
	PolicyTimeout caddy.Duration `json:"policy_timeout,omitempty"`
	// AuthThrottle is how many 401s and malformed targets of one client address are answered as such, or "off".
	// Default: 30/1m.
	AuthThrottle string `json:"auth_throttle,omitempty"`
	// RefusalThrottle is how many of our 400, 403, 404 and 413 one good key gets, or "off". Those of a key that is used from
	// outside its allowlist are counted by key and client address. Default: 300/1m.
	RefusalThrottle string `json:"refusal_throttle,omitempty"`
	// KeyPrefix begins the secrets that we make. Default: tg.
	KeyPrefix string `json:"key_prefix,omitempty"`
	// Secrets is the folder of values for inject: <folder>/<workspace id>/<name>. Its path may hold placeholders.
	Secrets string `json:"secrets,omitempty"`
	// Usage is the ledger of what workspaces used. Default: it is kept in the database of the keys.
	Usage *Usage `json:"usage,omitempty"`
	// Folder is where relative paths of policies and secrets start: a placeholder's value may be one. Default: the working
	// directory.
	Folder string `json:"folder,omitempty"`
	// Sources are the files and lines at which options were written, for errors that only loading can find, and for findings.
	Sources map[string]string `json:"sources,omitempty"`

	store      KeyStore
	keys       pool.Lease[*keyCache]
	leaveKeys  func()                   // takes this configuration's settings out of keys; nil: they were not put in
	usageStore KeyStore                 // where the ledger is booked
	usageKeys  pool.Lease[*keyCache]    // the store that it is booked in
	ledger     pool.Lease[*usageLedger] // its value is nil where none is kept
	pastFails  atomic.Bool              // what was used of quotas cannot be read
	leaveUsage func()                   // takes this configuration's settings out of ledger; nil: they were not put in
	counters   CounterEngine
	files      pool.Lease[*policyFiles]
	leaveFiles func()          // has files no longer tell this configuration; nil: they were not told to
	policies   *policy.Engine  // those of files, with this configuration's timeout
	secrets    *secrets.Folder // nil: none configured
	busy       seldom
	watchers   watchers
	planTable  record.Plans
	throttles  pool.Lease[*throttles]
	auth       gate.Throttle[netip.Addr]
	refusals   gate.Throttle[string]
	outsiders  gate.Throttle[gate.Outsider]
	status     pool.Lease[*remembered]
	notes      notes
	sites      []*Handler
	manages    bool                       // a site has tollgate_keys
	seen       map[*caddyhttp.Server]bool // the servers that were looked at while they were loaded
	told       map[string]bool            // the plans of which was said that nobody configured them
	logger     *zap.Logger
}

// The defaults of the global option.
const (
	defaultAuthThrottle    = "30/1m"
	defaultRefusalThrottle = "300/1m"
	defaultPolicyTimeout   = caddy.Duration(100 * time.Millisecond)
	defaultStaleKeys       = caddy.Duration(5 * time.Minute)
)

// CaddyModule returns the module's id.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate", New: func() caddy.Module { return new(App) }}
}

// Provision resolves the configuration and takes hold of what outlives it. Nothing is dialled, written or launched
// before Start.
func (a *App) Provision(ctx caddy.Context) (err error) {
	a.logger = ctx.Logger()
	a.defaults()
	if err := apikey.CheckPrefix(a.KeyPrefix); err != nil {
		return err
	}
	if a.planTable, err = a.plans(); err != nil {
		return err
	}
	if err := a.provisionThrottles(); err != nil {
		return err
	}
	if a.status, err = pool.Acquire("status", newRemembered); err != nil {
		return err
	}
	if a.KnownKeys < 0 {
		return fmt.Errorf("known_keys is %d: write a number above 0", a.KnownKeys)
	}
	if err := a.provisionKeys(ctx); err != nil {
		return err
	}
	if err := a.provisionUsage(ctx); err != nil {
		return a.locate("usage", err)
	}
	if teller, ok := a.store.(PlanTeller); ok {
		a.warnPlans(teller.PlansInUse(ctx))
	}
	if err := a.provisionCounters(ctx); err != nil {
		return err
	}
	cache := meter.Cache{State: a.keys.Value.State, Failing: &a.keys.Value.failing}
	if ledger := a.ledger.Value; ledger != nil {
		cache.Usage, cache.Lost = &a.usageKeys.Value.failing, ledger.writer.Dropped
	}
	if err := pool.Register(ctx.GetMetricsRegistry(), meters.Collectors(cache, a.counters)...); err != nil {
		return err
	}
	if err := a.provisionSecrets(); err != nil {
		return a.locate("secrets", err)
	}
	return a.locate("policies", a.provisionPolicies(ctx))
}

func (a *App) defaults() {
	if a.KeyPrefix == "" {
		a.KeyPrefix = apikey.DefaultPrefix
	}
	if a.PolicyTimeout == 0 {
		a.PolicyTimeout = defaultPolicyTimeout
	}
	if a.StaleKeys == nil {
		stale := defaultStaleKeys
		a.StaleKeys = &stale
	}
	if a.Usage == nil {
		a.Usage = new(Usage)
	}
	if a.KeysRaw == nil {
		a.KeysRaw = json.RawMessage(`{"store":"sqlite"}`)
	}
	if a.CountersRaw == nil {
		a.CountersRaw = json.RawMessage(`{"engine":"memory"}`)
	}
}

// throttles are this gateway's counts of refusals, of requests under way and of those of public routes.
type throttles struct {
	auth      *limits.Throttle[netip.Addr]
	refusals  *limits.Throttle[string]
	outsiders *limits.Throttle[gate.Outsider]
	slots     *limits.Slots
	visitors  sync.Map // by the duration of the window, a *limits.Throttle[gate.Visitor]
}

func newThrottles() (*throttles, error) {
	return &throttles{
		auth:      limits.NewThrottle[netip.Addr](limits.AuthPolicy, nil),
		refusals:  limits.NewThrottle[string](limits.RefusalPolicy, nil),
		outsiders: limits.NewThrottle[gate.Outsider](limits.RefusalPolicy, nil),
		slots:     limits.NewSlots(),
	}, nil
}

// visitorsOf is the table in which public routes count whose limit has a window of that duration.
func (t *throttles) visitorsOf(duration time.Duration) *limits.Throttle[gate.Visitor] {
	table, found := t.visitors.Load(duration)
	if !found {
		table, _ = t.visitors.LoadOrStore(duration, limits.NewThrottle[gate.Visitor](limits.PublicPolicy, nil))
	}
	return table.(*limits.Throttle[gate.Visitor])
}

// Destruct has nothing to end.
func (*throttles) Destruct() error { return nil }

func (a *App) provisionThrottles() (err error) {
	if a.throttles, err = pool.Acquire("throttles", newThrottles); err != nil {
		return err
	}
	a.auth.Counts, a.refusals.Counts = a.throttles.Value.auth, a.throttles.Value.refusals
	a.outsiders.Counts = a.throttles.Value.outsiders
	if a.auth.Window, err = throttleWindow(a.AuthThrottle, defaultAuthThrottle); err != nil {
		return fmt.Errorf("reading auth_throttle: %w", err)
	}
	if a.refusals.Window, err = throttleWindow(a.RefusalThrottle, defaultRefusalThrottle); err != nil {
		return fmt.Errorf("reading refusal_throttle: %w", err)
	}
	a.outsiders.Window = a.refusals.Window
	return nil
}

func (a *App) provisionCounters(ctx caddy.Context) error {
	module, err := ctx.LoadModule(a, "CountersRaw")
	if err != nil {
		return fmt.Errorf("loading the counters: %w", err)
	}
	engine, ok := module.(CounterEngine)
	if !ok {
		return fmt.Errorf("loading the counters: module %T does not implement gateway.CounterEngine", module)
	}
	a.counters = engine
	engine.SetPast(a.past)
	return a.checkQuotas()
}

// locate puts in front of an error where the option was written, if that is known.
func (a *App) locate(option string, err error) error {
	if at := a.Sources[option]; at != "" && err != nil {
		return fmt.Errorf("%s: %s: %w", at, option, err)
	}
	return err
}

// Start launches what runs in the background.
func (a *App) Start() error {
	if err := a.startKeys(); err != nil {
		return err
	}
	if err := a.startUsage(); err != nil {
		return err
	}
	if err := a.counters.Start(); err != nil {
		return err
	}
	a.startStatus()
	if err := a.startPolicies(); err != nil {
		return err
	}
	a.watchFiles()
	for _, h := range a.sites {
		h.followDocument()
	}
	return nil
}

// Stop ends the watching of files. What else runs in the background may be shared with the configuration that follows.
func (a *App) Stop() error {
	a.notes.end()
	if !a.watchers.stop() {
		a.logger.Warn("what reads secrets or counts keys has not ended; it is left behind")
	}
	return nil
}

// Cleanup gives back what Provision took.
func (a *App) Cleanup() error {
	return errors.Join(a.releaseUsage(), a.releaseKeys(), a.throttles.Release(), a.releasePolicies(), a.status.Release())
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
