package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// step is one thing to try: what it shows, and the line to paste.
type step struct{ shows, line string }

// invite prints what there is and what to do with it.
func (d *demo) invite() {
	d.say("\nThe gateway is ready at http://127.0.0.1:%d, in front of the backend at http://127.0.0.1:%d.", d.port, d.backend.port)
	d.say("Its dashboard, live: %s", d.relay.URL())
	d.say("\nworkspace   plan     limit                key                   name           may use")
	limits := map[string]string{"pro": "200/1m, 10000/month", "starter": "60/1m", "trial": "denied"}
	for _, c := range d.people {
		may := c.scope
		if c.network != "" {
			may += ", only from " + c.network
		}
		d.say("%-11s %-8s %-20s %s  %-14s %s", c.workspace, c.plan, limits[c.plan], c.key, c.name, may)
	}
	d.say("\nPaste these into another terminal:")
	for n, s := range d.steps() {
		d.say("\n%d. %s\n\n   %s", n+1, s.shows, s.line)
	}
	d.say("\nAn MCP client, such as an AI assistant, sees as tools what its key may call. It takes this configuration:\n\n%s", d.client())
	d.say("\nCtrl-C ends the demo and removes its folder, %s.", d.folder)
}

func (d *demo) steps() []step {
	leads, me := d.url("/leads"), d.url("/me")
	return []step{
		{"A request that passes: 200, the headers say what is left of the workspace's limit",
			d.curl(pro, "-i", leads+"?limit=1")},
		{"A missing scope: 403, the key may only read leads",
			d.curl(reader, `-i -X POST -H "Content-Type: application/json" -d "{}"`, leads)},
		{"The trial plan: 403, it may not use the API",
			d.curl(trial, "-i", leads)},
		{"A wrong address: 403, the key works only from " + d.people[office].network,
			d.curl(office, "-i", leads)},
		{"Seventy requests where sixty a minute are allowed: 200 sixty times, then 429",
			d.curl(reader, `-s -o `+os.DevNull+` -w "%{http_code} "`, leads+"?limit=1#[1-70]")},
		{"What a refused one is told: 429, and when to come back",
			d.curl(reader, "-i", leads)},
		{"Who the key is and what is left of its minute and its month: 200, spends nothing",
			d.curl(pro, "-i", me)},
		{"The same API as MCP tools, with the key on standard input: through the same gate, and at the same cost",
			"echo " + d.people[assistant].secret + " | " + d.command(`mcp call listLeads --data "{\"limit\": 1}"`)},
		{"Why the key with the wrong address is refused, with policy file and line",
			d.command("explain GET " + agentapi.Base + "/leads --key-id " + d.people[office].key + " --ip 192.0.2.7")},
		{"Revoke a key while the gateway runs: it obeys within a second",
			d.command("key revoke " + d.people[pro].key)},
		{"The revoked key, a second later: 401",
			pause() + " && " + d.curl(pro, "-i", leads)},
	}
}

func (d *demo) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s%s", d.port, agentapi.Base, path)
}

// client is the configuration of an MCP client, in the form that most of them read.
func (d *demo) client() string {
	return fmt.Sprintf(`{"mcpServers": {"tollgate-demo": {"type": "http", "url": "http://127.0.0.1:%d/mcp", "headers": {"Authorization": "Bearer %s"}}}}`, d.port, d.people[assistant].secret)
}

// curl writes a line for curl, in quotes that every shell understands.
func (d *demo) curl(who int, options, url string) string {
	return fmt.Sprintf(`curl %s -H "Authorization: Bearer %s" "%s"`, options, d.people[who].secret, url)
}

// pause waits for a second, in the words of the shell: whoever pastes all lines at once is faster than the gateway has promised
// to be.
func pause() string {
	if runtime.GOOS == "windows" {
		return "timeout /t 1"
	}
	return "sleep 1"
}

// command writes a line for this very program: the path is absolute, so that it works in any folder.
func (d *demo) command(line string) string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return quote(program) + " " + line + " --config " + quote(d.config())
}

// plain is a path that no shell sees anything else in.
var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// quote writes a path for the shell.
func quote(path string) string {
	switch {
	case plain.MatchString(path):
		return path
	case runtime.GOOS == "windows":
		return `"` + path + `"` // no path there holds a quote
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
