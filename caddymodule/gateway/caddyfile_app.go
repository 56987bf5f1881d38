package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// parseApp reads the global option. Syntax:
//
//	tollgate {
//		keys             file <path> | sqlite [<path>] | postgres <address>
//		stale_keys       <duration>             # 0: not at all
//		known_keys       <number>
//		counters         memory | redis <url> [{ ... }]
//		plan             <name> <limit>/<duration>... [{
//			quota        <limit>/day | <limit>/month    # of a calendar period in UTC; one of each
//			over         allow                          # past a quota: count, and let through
//			warn         <number>%                      # of a quota
//			concurrent   <number>                       # requests of a workspace under way on one gateway
//		}]
//		denied           <name>...
//		policies         <path>...
//		policy_timeout   <duration>
//		auth_throttle    <limit>/<duration> | off
//		refusal_throttle <limit>/<duration> | off
//		key_prefix       <prefix>
//		secrets          <folder>
//		usage            off | [sqlite <path> | postgres <address>] [{ ... }]
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // tollgate
	if existing != nil {
		return nil, d.Err("tollgate: the global options may hold this block only once: merge the two")
	}
	app := new(App)
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		word := d.Val()
		option, known := appOptions[word]
		if !known {
			return nil, d.Errf("tollgate: unknown option '%s': write one of %s", word, appWords)
		}
		if seen[word] && !option.repeatable {
			return nil, d.Errf("tollgate: '%s' is given twice: keep one of them", word)
		}
		seen[word] = true
		if judged[word] {
			app.written(d, word)
		}
		if err := option.parse(app, d); err != nil {
			return nil, dispenser.Located(d, word, err)
		}
	}
	return httpcaddyfile.App{Name: "tollgate", Value: caddyconfig.JSON(app, nil)}, nil
}

// appOption is a word of the global block. Its parse function stands on the word.
type appOption struct {
	parse      func(*App, *caddyfile.Dispenser) error
	repeatable bool
}

// judged are the words about which only an audit has something to say, which then names their place.
var judged = map[string]bool{"stale_keys": true, "auth_throttle": true, "refusal_throttle": true}

const appWords = "keys, stale_keys, known_keys, counters, plan, denied, policies, policy_timeout, auth_throttle, refusal_throttle, key_prefix, secrets, usage"

var appOptions = map[string]appOption{
	"keys":             {parse: (*App).parseKeys},
	"stale_keys":       {parse: (*App).parseStaleKeys},
	"known_keys":       {parse: (*App).parseKnownKeys},
	"counters":         {parse: (*App).parseCounters},
	"plan":             {parse: (*App).parsePlan, repeatable: true},
	"denied":           {parse: (*App).parseDenied, repeatable: true},
	"policies":         {parse: (*App).parsePolicies, repeatable: true},
	"policy_timeout":   {parse: (*App).parsePolicyTimeout},
	"auth_throttle":    {parse: func(a *App, d *caddyfile.Dispenser) error { return parseThrottle(d, &a.AuthThrottle) }},
	"refusal_throttle": {parse: func(a *App, d *caddyfile.Dispenser) error { return parseThrottle(d, &a.RefusalThrottle) }},
	"key_prefix":       {parse: (*App).parseKeyPrefix},
	"secrets":          {parse: (*App).parseSecrets},
	"usage":            {parse: (*App).parseUsage},
}

// parseKeys reads "keys <store> …": the rest is the guest module's.
func (a *App) parseKeys(d *caddyfile.Dispenser) (err error) {
	a.KeysRaw, err = parseGuest(d, "tollgate.keys.", "store", "key store")
	return err
}

// parseCounters reads "counters <engine> …": the rest is the guest module's.
func (a *App) parseCounters(d *caddyfile.Dispenser) (err error) {
	a.CountersRaw, err = parseGuest(d, "tollgate.counters.", "engine", "counter engine")
	return err
}

// parseGuest lets the guest module of the namespace that the next word names read its part, and gives its JSON.
func parseGuest(d *caddyfile.Dispenser, namespace, inlineKey, kind string) ([]byte, error) {
	if !d.NextArg() {
		return nil, d.ArgErr()
	}
	name := d.Val()
	if _, err := caddy.GetModule(namespace + name); err != nil {
		return nil, fmt.Errorf("unknown %s '%s': write one of %s", kind, name, strings.Join(guests(namespace), ", "))
	}
	module, err := caddyfile.UnmarshalModule(d, namespace+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(module, inlineKey, name, nil), nil
}

// guests are the names of the modules registered in a namespace.
func guests(namespace string) []string {
	var names []string
	for _, module := range caddy.GetModules(strings.TrimSuffix(namespace, ".")) {
		names = append(names, module.ID.Name())
	}
	return names
}

func (a *App) parseStaleKeys(d *caddyfile.Dispenser) error {
	stale, err := dispenser.Duration(d)
	a.StaleKeys = &stale
	return err
}

func (a *App) parseKnownKeys(d *caddyfile.Dispenser) (err error) {
	var number string
	if !d.Args(&number) || d.NextArg() {
		return d.ArgErr()
	}
	if a.KnownKeys, err = strconv.Atoi(number); err != nil || a.KnownKeys <= 0 {
		return fmt.Errorf("%q is not a whole number above 0, such as 131072", number)
	}
	return nil
}

// parsePlan reads a plan. Syntax:
//
//	plan <name> <limit>/<duration>... {
//		quota      <limit>/day | <limit>/month
//		over       allow
//		warn       <number>%
//		concurrent <number>
//	}
func (a *App) parsePlan(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return errors.New("write a name and one or more windows, such as: plan pro 200/1m 5000/1h")
	}
	windows, err := record.ParseWindows(args[1:])
	if err != nil {
		return err
	}
	plan := Plan{Name: args[0], Windows: windows, Source: dispenser.Source(d)}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		option, known := planOptions[word]
		if !known {
			return fmt.Errorf("unknown option '%s': write quota, over, warn or concurrent", word)
		}
		if seen[word] && word != "quota" {
			return fmt.Errorf("'%s' is given twice: keep one of them", word)
		}
		seen[word] = true
		var text string
		if !d.Args(&text) || d.NextArg() {
			return dispenser.Located(d, word, errors.New("write one value, such as "+option.example))
		}
		if err := option.parse(&plan, text); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	if err := plan.check(); err != nil {
		return err
	}
	return a.addPlan(plan)
}

// planOptions are the words of a plan's block, each with an example and with what reads its value.
var planOptions = map[string]struct {
	example string
	parse   func(*Plan, string) error
}{
	"quota": {"quota 100000/month", func(p *Plan, text string) error {
		quota, err := record.ParseQuota(text)
		p.Quotas = append(p.Quotas, quota)
		return err
	}},
	"over": {"over allow", func(p *Plan, text string) error {
		if text != "allow" {
			return fmt.Errorf("'%s' is not known: write over allow, or leave it out, and requests past a quota are refused", text)
		}
		p.OverQuota = true
		return nil
	}},
	"warn": {"warn 80%", func(p *Plan, text string) (err error) {
		number, isPercent := strings.CutSuffix(text, "%")
		if p.Warn, err = strconv.ParseInt(number, 10, 64); err != nil || !isPercent || p.Warn < 1 || p.Warn > 99 {
			return fmt.Errorf("'%s' is not a share of a quota: write 1%% to 99%%, such as 80%%", text)
		}
		return nil
	}},
	"concurrent": {"concurrent 20", func(p *Plan, text string) (err error) {
		if p.Concurrent, err = strconv.ParseInt(text, 10, 64); err != nil || p.Concurrent < 1 || p.Concurrent > maxConcurrent {
			return fmt.Errorf("'%s' is not a whole number from 1 to %d, such as 20", text, maxConcurrent)
		}
		return nil
	}},
}

func (a *App) parseDenied(d *caddyfile.Dispenser) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return errors.New("write one or more plan names, such as: denied trial free")
	}
	for _, name := range names {
		if err := a.addPlan(Plan{Name: name, Denied: true, Source: dispenser.Source(d)}); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) addPlan(plan Plan) error {
	if err := record.CheckID(plan.Name); err != nil {
		return fmt.Errorf("plan name: %w", err)
	}
	for _, other := range a.Plans {
		if other.Name == plan.Name {
			return fmt.Errorf("plan '%s' is given twice: keep one of them", plan.Name)
		}
	}
	a.Plans = append(a.Plans, plan)
	return nil
}

func (a *App) parsePolicies(d *caddyfile.Dispenser) error {
	paths := d.RemainingArgs()
	if len(paths) == 0 {
		return d.ArgErr()
	}
	for _, path := range paths {
		a.Policies = append(a.Policies, a.absolute(d, path))
	}
	a.written(d, "policies")
	return nil
}

// absolute resolves a path against the Caddyfile's folder, which is kept for a placeholder whose value is a relative one.
func (a *App) absolute(d *caddyfile.Dispenser, path string) string {
	if dispenser.IsPlaceholder(path) {
		a.Folder = dispenser.Folder(d)
	}
	return dispenser.Absolute(d, path)
}

// written keeps where an option stands, every place of one that may be repeated.
func (a *App) written(d *caddyfile.Dispenser, option string) {
	if a.Sources == nil {
		a.Sources = map[string]string{}
	}
	if earlier := a.Sources[option]; earlier != "" {
		a.Sources[option] = earlier + ", " + dispenser.Source(d)
		return
	}
	a.Sources[option] = dispenser.Source(d)
}

func (a *App) parsePolicyTimeout(d *caddyfile.Dispenser) (err error) {
	a.PolicyTimeout, err = dispenser.Duration(d)
	if err == nil && a.PolicyTimeout <= 0 {
		return errors.New("the time must be above 0, such as 100ms")
	}
	return err
}

// parseThrottle reads "<limit>/<duration>" or "off".
func parseThrottle(d *caddyfile.Dispenser, into *string) error {
	if !d.Args(into) || d.NextArg() {
		return d.ArgErr()
	}
	_, err := throttleWindow(*into, "")
	return err
}

func (a *App) parseKeyPrefix(d *caddyfile.Dispenser) error {
	if !d.Args(&a.KeyPrefix) || d.NextArg() {
		return d.ArgErr()
	}
	return apikey.CheckPrefix(a.KeyPrefix)
}

func (a *App) parseSecrets(d *caddyfile.Dispenser) error {
	if !d.Args(&a.Secrets) || d.NextArg() {
		return d.ArgErr()
	}
	a.Secrets = a.absolute(d, a.Secrets)
	a.written(d, "secrets")
	return nil
}

func init() {
	httpcaddyfile.RegisterGlobalOption("tollgate", parseApp)
}
