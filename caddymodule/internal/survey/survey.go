// Package survey gathers what an audit is told: it reads a configuration, and what lies around it, without running
// anything, and without writing or creating anything.
package survey

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/loopback"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/secrets"
)

// surveyor gathers facts about one configuration.
type surveyor struct {
	*audit.Facts
	configuration *config.Configuration
	app           *gateway.App
	modules       caddy.Context
	free          []func()
}

// Take gathers the facts. What cannot be looked at is named among them; the error says that the configuration cannot be
// read at all. The caller gives the store back with free.
func Take(ctx context.Context, c *config.Configuration, now time.Time) (facts *audit.Facts, free func(), err error) {
	s := &surveyor{Facts: &audit.Facts{Now: now, Config: c.File}, configuration: c}
	free = func() {
		for n := len(s.free) - 1; n >= 0; n-- {
			s.free[n]()
		}
	}
	defer func() {
		if err != nil {
			free()
		}
	}()
	if s.app, err = c.App(); err != nil {
		return nil, nil, err
	}
	modules, freeModules, err := config.Modules(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.modules, s.free = modules, append(s.free, freeModules)
	if err := s.servers(); err != nil {
		return nil, nil, c.Wrong(err)
	}
	if err := s.global(); err != nil {
		return nil, nil, c.Wrong(err)
	}
	s.options()
	s.plans()
	s.policies(ctx)
	s.secrets()
	s.store(ctx)
	s.counters()
	s.see(audit.KindConfig, c.File)
	return s.Facts, free, nil
}

// skip says what was not looked at.
func (s *surveyor) skip(why string, rules ...string) {
	s.Skipped = append(s.Skipped, audit.Skipped{Rules: rules, Why: why})
}

// global looks at Caddy's own options.
func (s *surveyor) global() error {
	var whole struct {
		Admin   *caddy.AdminConfig `json:"admin"`
		Logging *logging           `json:"logging"`
	}
	if err := json.Unmarshal(s.configuration.Document, &whole); err != nil {
		return err
	}
	if whole.Logging != nil {
		for _, log := range whole.Logging.Logs {
			s.Debug = s.Debug || strings.EqualFold(log.Level, "DEBUG")
		}
	}
	if whole.Admin == nil || whole.Admin.Disabled || whole.Admin.Listen == "" {
		return nil
	}
	listen, err := caddy.NewReplacer().ReplaceOrErr(whole.Admin.Listen, true, true)
	if err != nil {
		s.skip("where the admin endpoint listens is not known here: "+err.Error(), "admin-exposed")
		return nil
	}
	address, err := caddy.ParseNetworkAddress(listen)
	if err != nil {
		return fmt.Errorf("admin endpoint: %w", err)
	}
	if !address.IsUnixNetwork() && !address.IsFdNetwork() && !loopback.Host(address.Host) {
		s.Admin = listen
	}
	return nil
}

// maxStale is the longest stale_keys that is nothing to speak of.
const maxStale = time.Hour

// options looks at words of the global option that weaken the gate.
func (s *surveyor) options() {
	find := func(rule, word, what string) {
		place := s.app.Sources[word]
		if place == "" {
			place = s.Config + ", global option tollgate, " + word
		}
		s.Options = append(s.Options, audit.Option{Rule: rule, Place: place, What: what})
	}
	if s.app.AuthThrottle == "off" {
		find("throttle-off", "auth_throttle", "auth_throttle is off")
	}
	if s.app.RefusalThrottle == "off" {
		find("throttle-off", "refusal_throttle", "refusal_throttle is off")
	}
	if stale := time.Duration(*s.app.StaleKeys); stale > maxStale {
		find("stale-keys-long", "stale_keys", fmt.Sprintf("keys are known for %s while the store is away", stale))
	}
}

func (s *surveyor) plans() {
	s.Known = s.app.PlanTable()
	for _, p := range s.app.Plans {
		place := p.Source
		if place == "" {
			place = s.Config + ", global option tollgate, plan"
		}
		s.Plans = append(s.Plans, audit.Plan{Place: place, Plan: s.Known[p.Name]})
	}
}

// policies loads the policies as the gateway would.
func (s *surveyor) policies(ctx context.Context) {
	place := s.app.Sources["policies"]
	if place == "" {
		place = s.Config + ", global option tollgate, policies"
	}
	s.Policies.Place = place
	paths, err := s.app.PolicyPaths()
	var report policy.Report
	if err == nil {
		report, err = policy.Check(ctx, paths)
	}
	if err != nil {
		s.skip("the policies cannot be loaded: "+err.Error(), "policy-not-remembered", "policy-suspect")
		return
	}
	s.Policies.Loaded, s.Policies.Remembered, s.Policies.Why, s.Policies.Warnings = true, report.Remembered, report.Why, report.Warnings
	for _, file := range report.Files {
		for _, read := range file.Reads {
			if !file.Embedded && s.Policies.ReadScopes == "" && (read == "input" || read == "input.key" || strings.HasPrefix(read, "input.key.scopes")) {
				s.Policies.ReadScopes = file.Name
			}
		}
	}
	for _, path := range paths {
		s.see(audit.KindPolicy, path)
	}
}

// secrets reads the names in the folder. Its values are not kept.
func (s *surveyor) secrets() {
	if s.app.Secrets == "" {
		return
	}
	path, err := dispenser.Resolve(s.app.Secrets, s.app.Folder)
	var folder *secrets.Folder
	if err == nil {
		folder, err = secrets.Open(path)
	}
	if err != nil {
		s.skip("the secrets folder cannot be read: "+err.Error(), "inject-secret-missing", "secret-readable")
		return
	}
	s.see(audit.KindSecret, path)
	s.Secrets = func(workspace, name string) bool {
		value, found := folder.Value(workspace, name)
		return found && value != ""
	}
	s.seeSecrets(path)
}

// outage is what the counters' configuration says of outages, whatever the engine.
type outage struct {
	Engine   string `json:"engine"`
	OnOutage string `json:"on_outage"`
	URL      string `json:"url"`
	Source   string `json:"source"`
}

// counters looks at where requests are counted.
func (s *surveyor) counters() {
	var said outage
	_ = json.Unmarshal(s.app.CountersRaw, &said) // what is not of this form has nothing of what is looked for
	place := said.Source
	if place == "" {
		place = s.Config + ", global option tollgate, counters"
	}
	if said.OnOutage == "allow" {
		s.Options = append(s.Options, audit.Option{Rule: "outage-allow", Place: place, What: "without Redis all requests are let through"})
	}
	if dispenser.HoldsPassword(said.URL) {
		s.Options = append(s.Options, audit.Option{Rule: "credential-in-config", Place: place, What: "the password of Redis stands in its URL"})
	}
	if said.Engine == "memory" {
		return
	}
	module, err := s.modules.LoadModule(s.app, "CountersRaw")
	if err != nil {
		s.skip("the counters cannot be loaded: "+err.Error(), "redis-plaintext")
		return
	}
	if remote, ok := module.(gateway.Remote); ok && remote.PlainHost() != "" {
		s.Options = append(s.Options, audit.Option{Rule: "redis-plaintext", Place: place, What: "it speaks to " + remote.PlainHost() + " without TLS"})
	}
}
