package audit

import (
	"fmt"
	"strings"
)

// Grade is how grave a finding is.
type Grade string

// The grades, the gravest first.
const (
	// Danger is what lets somebody past the gate, or shows a credential to who shall not see it.
	Danger Grade = "danger"
	// Warning is what does not protect, or does not work, as it looks.
	Warning Grade = "warning"
	// Note is what is dead, or wider than it needs to be.
	Note Grade = "note"
)

// Grades are all of them, the gravest first.
var Grades = []Grade{Danger, Warning, Note}

// Rule is something that an audit looks for.
type Rule struct {
	// Name is the rule's; it never changes.
	Name string
	// Grade is that of all its findings.
	Grade Grade
	// Finds says in a line what it looks for.
	Finds string
	// Why says why that matters, and Do what to do about it.
	Why, Do string

	store bool // needs the key store
}

// rules are the catalogue. The names are an interface: pipelines leave some out.
var rules = []Rule{
	{Name: "ungated-backend", Grade: Danger, Finds: "a proxy past every gate to a backend that stands behind one",
		Why: "Whoever calls there reaches the backend without a key, and can write the identity headers that it trusts.",
		Do:  "Put a tollgate directive before this proxy, or take the proxy out."},
	{Name: "gate-order", Grade: Danger, Finds: "an order of handlers in which a gate protects nothing, or can never work",
		Why: "The gateway refuses to load such a configuration.",
		Do:  "Do what the finding says; 'tollgate validate' says the same."},
	{Name: "public-over-gated", Grade: Danger, Finds: "a public path with a final * above routes that need a key",
		Why: "Whatever has no route of its own below that path passes without a key: other methods, and paths that are added later.",
		Do:  "Name the public paths one by one."},
	{Name: "proxies-too-wide", Grade: Danger, Finds: "trusted_proxies that name the whole Internet, or most of it",
		Why: "Any client can then choose its address by a header: allowlists, throttles and logs believe it.",
		Do:  "Name the addresses of your load balancers alone."},
	{Name: "proxies-not-strict", Grade: Danger, Finds: "trusted_proxies without trusted_proxies_strict",
		Why: "The leftmost address of X-Forwarded-For counts, which the client writes: it chooses the address that allowlists judge.",
		Do:  "Write trusted_proxies_strict beside trusted_proxies."},
	{Name: "admin-exposed", Grade: Danger, Finds: "an admin endpoint that other machines can reach",
		Why: "It asks for no password, shows the configuration, and loads another one for whoever asks.",
		Do:  "Write 'admin localhost:2019', a unix socket, or 'admin off' in the global options."},
	{Name: "log-holds-credentials", Grade: Danger, Finds: "an access log that shows callers' keys",
		Why: "Whoever reads the log can call as your customers.",
		Do:  "Take log_credentials out; delete other headers and parameters with keys by 'format filter'."},
	{Name: "secret-readable", Grade: Danger, Finds: "values of the secrets folder that every user of the machine can read",
		Why: "They are the gateway's credentials at the backend, in the clear.",
		Do:  "chmod o-r the files, or chmod o-rx the folder."},
	{Name: "writable-by-others", Grade: Danger, Finds: "configuration, policies, secrets or key store that every user of the machine can write",
		Why: "Whoever can write there makes keys, or opens the gate.",
		Do:  "chmod o-w the file."},
	{Name: "postgres-plaintext", Grade: Danger, Finds: "a key database on another host without TLS",
		Why: "Whoever stands in between can answer that any secret is a key.",
		Do:  "Add sslmode=verify-full to the address."},
	{Name: "redis-plaintext", Grade: Warning, Finds: "a Redis on another host without TLS",
		Why: "Its password and the counts pass in the clear: whoever stands in between can lift or exhaust limits.",
		Do:  "Write rediss:// instead of redis://."},
	{Name: "credential-in-config", Grade: Warning, Finds: "a password or token that is written in the configuration itself",
		Why: "The admin endpoint shows it, and Caddy keeps a copy of the configuration on disk.",
		Do:  "Write a placeholder such as {env.NAME}; for inject: {tollgate.secret.<name>}."},
	{Name: "store-readable", Grade: Warning, Finds: "a key database or keys file that every user of the machine can read",
		Why: "It tells who your customers are, their plans, and what each key may do.",
		Do:  "chmod 600 the file."},
	{Name: "ungated-route", Grade: Warning, Finds: "a proxy past the gate of its own site, to a backend of its own",
		Why: "The site looks protected, and these paths are not.",
		Do:  "Put it behind the gate, or onto a site of its own."},
	{Name: "ungated-site", Grade: Warning, Finds: "a site with a proxy and no gate, beside sites that have one",
		Why: "Its backend is open to whoever reaches the site.",
		Do:  "Give it a tollgate directive, or a configuration of its own."},
	{Name: "answers-before-gate", Grade: Warning, Finds: "a handler before a gate that answers some requests unchecked, or all",
		Why: "What it answers needs no key, and leaves in another shape than the gateway's errors.",
		Do:  "Put the gate before it, and write what is public as public routes."},
	{Name: "allowlist-open", Grade: Warning, Finds: "keys whose allowlist holds every address", store: true,
		Why: "The list looks like a protection and refuses nobody.",
		Do:  "Name the networks of the customer, or clear the list."},
	{Name: "key-wildcard", Grade: Warning, Finds: "keys that hold the scope *, or may manage all keys by tollgate.* or tollgate.admin.*", store: true,
		Why: "Such a key opens routes that do not exist yet, or makes keys of other workspaces.",
		Do:  "Give the key the scopes that it needs, and an allowlist."},
	{Name: "plan-unknown", Grade: Warning, Finds: "workspaces on a plan that the configuration does not have", store: true,
		Why: "All their requests are refused with 403.",
		Do:  "Write the plan into the configuration, or change it with: workspace set ID --plan NAME."},
	{Name: "inject-secret-missing", Grade: Warning, Finds: "workspaces without a value that inject needs", store: true,
		Why: "All their requests are answered 500.",
		Do:  "Put the value at <secrets folder>/<workspace>/<name>."},
	{Name: "cost-above-limit", Grade: Warning, Finds: "a route whose cost is above a limit of plans, workspaces or keys in use",
		Why: "Requests to it that the limit holds for are refused with 403, always.",
		Do:  "Lower the cost, or raise the limit."},
	{Name: "log-holds-queries", Grade: Warning, Finds: "an access log that shows the queries of gated requests",
		Why: "Callers search for names and addresses: the log then holds personal data, and is kept and copied like any log.",
		Do:  "Take the values out by 'format filter', as the shipped Caddyfile does."},
	{Name: "debug-log", Grade: Warning, Finds: "a log at level DEBUG",
		Why: "Caddy then writes the headers that go to backends, injected ones among them, and every path and query.",
		Do:  "Take 'debug' or 'level DEBUG' out."},
	{Name: "backend-unverified", Grade: Warning, Finds: "a proxy behind a gate that takes any certificate of its backend",
		Why: "Whoever stands in between can be the backend: it gets identity headers and injected secrets.",
		Do:  "Name the backend's authority with tls_trust_pool instead of tls_insecure_skip_verify."},
	{Name: "forward-authorization", Grade: Warning, Finds: "a gate that hands callers' keys on to the backend",
		Why: "The backend and its logs then hold secrets that open the gate.",
		Do:  "Take forward_authorization out; the identity headers say who calls."},
	{Name: "throttle-off", Grade: Warning, Finds: "auth_throttle or refusal_throttle that is off",
		Why: "Refusals cost nothing to provoke: who guesses keys or scans paths is not slowed down.",
		Do:  "Take the word out (30/1m and 300/1m hold then), or write a higher limit."},
	{Name: "outage-allow", Grade: Warning, Finds: "on_outage allow",
		Why: "While Redis is away no limit holds: who can disturb Redis has no limits.",
		Do:  "Write on_outage local with expected_gateways, or take it out."},
	{Name: "stale-keys-long", Grade: Warning, Finds: "stale_keys of more than an hour",
		Why: "While the key store is away a key that is revoked elsewhere goes on for so long.",
		Do:  "Write a shorter time: 5m is the default."},
	{Name: "policy-suspect", Grade: Warning, Finds: "policies that load, with what most likely is a mistake",
		Why: "A rule that no decision asks refuses nothing.",
		Do:  "Do what the finding says; 'tollgate policy check' says the same."},
	{Name: "errors-off", Grade: Note, Finds: "errors off",
		Why: "Backend errors leave as they are: callers act on error.code, and some backends show their insides.",
		Do:  "Take 'errors off' out, or write a block that maps them."},
	{Name: "policy-not-remembered", Grade: Note, Finds: "policies whose decisions cannot be remembered",
		Why: "Every request is evaluated anew, and waits for it.",
		Do:  "Change the line that is named; 'tollgate policy check' tells what is read."},
	{Name: "cost-near-limit", Grade: Note, Finds: "a route whose cost is above half a limit of plans in use",
		Why: "One request a window is all that such a workspace can ever make there.",
		Do:  "Lower the cost, or raise the limit."},
	{Name: "counters-not-shared", Grade: Note, Finds: "counters in memory beside a key store that several gateways share",
		Why: "Each gateway counts by itself: with two of them every limit is twice what is written.",
		Do:  "Write 'counters redis …', if there is more than one gateway."},
	{Name: "allowlist-without-proxies", Grade: Note, Finds: "keys with allowlists where trusted_proxies is not set", store: true,
		Why: "Behind a load balancer every caller has the balancer's address, and the allowlists refuse all or none.",
		Do:  "Behind one, write trusted_proxies and trusted_proxies_strict; where clients connect directly all is well."},
	{Name: "plan-unused", Grade: Note, Finds: "a plan of the configuration that no workspace is on", store: true,
		Why: "Nothing depends on it.",
		Do:  "Take it out, or put workspaces on it."},
	{Name: "scope-unheld", Grade: Note, Finds: "scopes of routes that no active key holds", store: true,
		Why: "These routes refuse everybody: they are dead, or their scope is misspelt.",
		Do:  "Correct the scope, give it to keys, or take the route out."},
	{Name: "scope-unneeded", Grade: Note, Finds: "scopes of active keys that no route needs", store: true,
		Why: "They are misspelt, or wait for a route that is added later.",
		Do:  "Correct or remove them with: key set ID --scope SCOPE."},
	{Name: "key-broad", Grade: Note, Finds: "keys with one wildcard that covers the scopes of all routes", store: true,
		Why: "A stolen key of that kind may do everything, and what is added below it as well.",
		Do:  "Give the key the scopes that it needs."},
	{Name: "key-unused", Grade: Note, Finds: "active keys that were not used for 90 days", store: true,
		Why: "Nobody would miss them but who finds one.",
		Do:  "Ask whose they are; disable what nobody claims, and revoke it later."},
	{Name: "key-without-end", Grade: Note, Finds: "active keys that never expire", store: true,
		Why: "A key that leaks unnoticed works until somebody thinks of it.",
		Do:  "Make keys with --expires, and rotate them before."},
	{Name: "key-secrets", Grade: Note, Finds: "keys with more than one live secret", store: true,
		Why: "After a rotation the old secret lives on for its grace: a leaked one as well.",
		Do:  "Wait for the end of the grace; for a leaked secret rotate again with --grace 0s."},
}

// Rules are the catalogue, the gravest first.
func Rules() []Rule { return rules }

// ruleOf is the rule of a name. One that is missing is a mistake of this program.
func ruleOf(name string) *Rule {
	for n := range rules {
		if rules[n].Name == name {
			return &rules[n]
		}
	}
	panic("audit has no rule " + name)
}

// Markdown is the catalogue as a table.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| rule | grade | finds |\n|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.Name, r.Grade, r.Finds)
	}
	return b.String()
}
