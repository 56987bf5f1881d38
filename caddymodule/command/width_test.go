package command_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/command"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// The longest values that a store takes, but for ids.
var (
	longName   = strings.Repeat("名前é", 21) + "é"
	longPlan   = "plan_" + strings.Repeat("p", 59)
	longReason = strings.TrimSpace(strings.Repeat("unpaid invoice, ", 12))
	longFact   = strings.Repeat("value ", 40) + "end"
	longFile   = strings.Repeat("folder/", 12) + "leak.txt"
	longScopes = func() (all []string) {
		for n := range 20 {
			all = append(all, fmt.Sprintf("agent.a_rather_long_word_%02d.read", n))
		}
		return all
	}()
	longNetworks = func() (all []string) {
		for n := range 8 {
			all = append(all, fmt.Sprintf("2001:db8:ffff:ffff:ffff:ffff:%04x:0/112", n+0x1000))
		}
		return all
	}()
)

// longLines are the commands whose answer is a table, and what its wide form holds whole.
var longLines = map[string]func() []string{
	"workspace list":    func() []string { return []string{longPlan, longFact} },
	"workspace history": func() []string { return []string{longReason, longFact, longScopes[19], longName} },
	"key list":          func() []string { return append([]string{longName, longNetworks[7]}, longScopes...) },
	"key history":       func() []string { return append([]string{longName, longNetworks[7]}, longScopes...) },
	"key scan":          func() []string { return []string{longFile} },
	"policy test":       func() []string { return []string{"test_" + strings.Repeat("long_", 20)} },
	"policy check":      func() []string { return []string{strings.Repeat("long/", 12), strings.Repeat("package_", 10)} },
	"usage":             func() []string { return nil },
	"routes":            func() []string { return []string{"konecty.:document.create", "Caddyfile:"} },
	"explain":           func() []string { return []string{longName} },
}

// TestAnswersFitATerminal: of every command, however long the values are that it shows. Ids are not shortened. --wide, which exactly
// the commands have whose answer is a table, shows all columns and values whole.
func TestAnswersFitATerminal(t *testing.T) {
	for _, ids := range []struct {
		name, workspace string
		// table is how wide a line of a table may be.
		table int
	}{
		{"ids as they are made", "ws_acme", output.Width},
		{"ids as long as can be", "ws_" + strings.Repeat("w", 61), output.Width + 61},
	} {
		t.Run(ids.name, func(t *testing.T) { answersFit(t, ids.workspace, ids.table) })
	}
}

func answersFit(t *testing.T, workspace string, table int) {
	d := longDesk(t, workspace)
	key := anyKey.FindString(d.Must(t, "key", "list"))
	ran := map[string]bool{}
	run := func(stdin string, words ...string) {
		o := d.Run(stdin, words...) // some end with an error, because they find what they look for
		name := strings.Join(words[:min(2, len(words))], " ")
		if longLines[words[0]] != nil || !strings.Contains("workspace key store policy", words[0]) {
			name = words[0]
		}
		ran[name] = true
		require.NotEmpty(t, o.Out, "%s: %s", name, o.Notes)
		for line := range strings.Lines(o.Out) {
			limit := output.Width
			if longLines[name] != nil && strings.Contains(o.Out, workspace) {
				limit = table
			}
			if strings.Contains(line, d.Dir) {
				continue // the store's path is copied
			}
			assert.LessOrEqual(t, output.Cells(strings.TrimSuffix(line, "\n")), limit, "%s: %s", name, line)
		}
		if wanted := longLines[name]; wanted != nil {
			wide := d.Run(stdin, append(words, "--wide")...).Out
			for _, want := range wanted() {
				assert.Contains(t, wide, want, "%s --wide", name)
			}
		}
	}
	run("", "workspace", "list")
	run("", "workspace", "show", workspace)
	run("", "workspace", "history", workspace)
	run("", "workspace", "set", workspace, "--metadata", "other="+longFact)
	run("", "workspace", "resume", workspace)
	run("", "workspace", "suspend", workspace, "--reason", longReason)
	run("", "key", "list")
	run("", "key", "list", "--unused", "0s", "--expiring", "900d")
	run("", "key", "show", key)
	run("", "key", "history", key)
	run("", "key", "disable", key)
	run("", "key", "enable", key)
	run("", "key", "set", key, "--name", "other")
	run("", "key", "set", key, "--name", longName)
	run("", "key", "rotate", key)
	run("", append([]string{"key", "create", "--workspace", workspace, "--name", longName}, flags()...)...)
	run("imported-secret-0123456789\n", append([]string{"key", "import", "--workspace", workspace}, flags()...)...)
	run("imported-secret-0123456789\n", "key", "hash")
	run("", "key", "scan", ".")
	run("", "explain", "GET", "/leads/"+strings.Repeat("long", 15)+"?q="+strings.Repeat("a,b", 40), "--key-id", key, "--ip", "2001:db8:ffff:ffff:ffff:ffff:1000:1")
	run("", "explain", "POST", "/leads", "--key-id", key)
	run("", "audit")
	run("", "test", "cases.yaml")
	run("", "policy", "test", "failing")
	run("", "policy", "check", "long")
	run("", "routes")
	run("", "version")
	run("", "store", "check")
	run("", "store", "import", exported(t, d))
	run("", "key", "revoke", key)
	run("", "workspace", "delete", workspace, "--yes")

	for _, other := range []string{
		"health", "dashboard", // need a gateway, and print its address
		"store export", "store backup", "usage export", // print a stream, or a path
		"mcp call",         // needs a gateway, and prints what a tool answers as it came
		"usage",            // has a ledger only where a gateway wrote one
		"workspace create", // prints as workspace set does
	} {
		ran[other] = true
	}
	for _, c := range command.Subcommands() {
		cmd := &cobra.Command{Use: c.Name}
		c.CobraFunc(cmd)
		for _, leaf := range append(cmd.Commands(), cmd) {
			name := strings.TrimPrefix(leaf.CommandPath(), "tollgate ")
			if leaf.Flags().Lookup("json") == nil {
				continue // it does nothing by itself
			}
			assert.True(t, ran[name], "%s is held to the width", name)
			assert.Equal(t, longLines[name] != nil, leaf.Flags().Lookup("wide") != nil, "%s has --wide if it shows a table", name)
		}
	}
}

// flags are those of a key that may do much.
func flags() (all []string) {
	for _, scope := range longScopes {
		all = append(all, "--scope", scope)
	}
	for _, network := range longNetworks {
		all = append(all, "--allow-ip", network)
	}
	return append(all, "--expires", "500d")
}

func exported(t *testing.T, d *harness.Desk) string {
	t.Helper()
	d.Must(t, "store", "export", "--output", "export.jsonl")
	return "export.jsonl"
}

// longDesk is a desk where everything is as long as can be.
func longDesk(t *testing.T, workspace string) *harness.Desk {
	t.Helper()
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "plan "+longPlan+" 10/1m\n\t\tplan tiny", 1))
	d.Must(t, "workspace", "create", workspace, "--plan", longPlan, "--metadata", "region="+longFact, "--limit", "500/1m", "--limit", "9000/1h", "--limit", "90000/1d")
	_, secret := d.Created(t, append([]string{"--workspace", workspace, "--name", longName}, flags()...)...)
	d.Must(t, "workspace", "suspend", workspace, "--reason", longReason)
	d.WriteAll(t, longFile, secret+"\n")
	words := strings.Repeat("package_", 10)
	d.WriteAll(t, "long/"+strings.Repeat("long/", 12)+"a.rego", "package own."+words+"\n\nimport rego.v1\n\nfar if input.workspace.metadata.region == \"us\"\n")
	d.WriteAll(t, "long/deny.rego", "package tollgate.authz\n\nimport rego.v1\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"no\"} if data.own."+words+".far\n")
	d.WriteAll(t, "failing/a_test.rego", "package tollgate.authz_test\n\nimport rego.v1\n\ntest_"+strings.Repeat("long_", 20)+" if 1 == 2\n")
	d.Write(t, "cases.yaml", "cases:\n  - name: "+longReason+"\n    as: {scopes: [a.b], plan: "+longPlan+"}\n    request: GET /leads\n    expect: pass\n")
	return d
}
