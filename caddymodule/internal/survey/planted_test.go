package survey_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/survey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// clean is a configuration without a fault. A planted one stands in the place of a comment, or of a text.
const clean = `{
	admin off
	# global
	tollgate {
		keys sqlite tollgate.db
		plan pro 200/1m
		# app
	}
}
:8080 {
	# site
	tollgate {
		public GET /SKILL.md
		public OPTIONS /*
		route GET /leads agent.leads.read
		route GET /leads/:id agent.leads.read
		route POST /leads agent.leads.write {
			cost 5
		}
		whoami /me
		# gate
	}
	handle {
		# proxy
		reverse_proxy localhost:9000
	}
}
# more
`

// fault is a planted one: what is changed, and the rules that must tell of it.
type fault struct {
	// change are pairs of a text of the clean configuration, and what stands in its place.
	change []string
	// commands are given before, split at spaces; KEY is the one key of the clean store.
	commands []string
	// files are written before.
	files map[string]string
	// modes are set last.
	modes map[string]os.FileMode
	// after is how much later the audit is.
	after time.Duration
	// at is the line of the Caddyfile that the finding names; 0: none.
	at    string
	rules []string
}

const day = 24 * time.Hour

// desk makes a clean store: a workspace, and a key that ends.
func desk(t *testing.T) (d *harness.Desk, key string) {
	d = harness.NewDesk(t, clean)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ = d.Created(t, "--workspace", "ws_acme", "--scope", "agent.leads.read", "--scope", "agent.leads.write", "--expires", "300d")
	return d, key
}

func look(t *testing.T, file string, now time.Time) *audit.Report {
	t.Helper()
	c, err := config.Find(file, "")
	require.NoError(t, err)
	facts, free, err := survey.Take(t.Context(), c, now)
	require.NoError(t, err)
	defer free()
	report, err := audit.Audit(t.Context(), facts)
	require.NoError(t, err)
	return report
}

// named are the rules of the findings, each once.
func named(r *audit.Report) (rules []string) {
	for _, f := range r.Findings {
		if !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	slices.Sort(rules)
	return rules
}

// TestPlantedFaults: each is named, and nothing else.
func TestPlantedFaults(t *testing.T) {
	seen := map[string]bool{}
	for name, f := range faults {
		for _, rule := range f.rules {
			seen[rule] = true
		}
		t.Run(name, func(t *testing.T) {
			d, key := desk(t)
			caddyfile := clean
			for n := 0; n+1 < len(f.change); n += 2 {
				require.Contains(t, caddyfile, f.change[n])
				caddyfile = strings.Replace(caddyfile, f.change[n], f.change[n+1], 1)
			}
			d.Write(t, "Caddyfile", caddyfile)
			for file, text := range f.files {
				d.WriteAll(t, file, text)
			}
			for _, command := range f.commands {
				d.Must(t, harness.Words(strings.ReplaceAll(command, "KEY", key))...)
			}
			for file, mode := range f.modes {
				require.NoError(t, os.Chmod(filepath.Join(d.Dir, file), mode))
			}
			report := look(t, "Caddyfile", time.Now().Add(f.after))
			text, err := json.MarshalIndent(report, "", "  ")
			require.NoError(t, err)
			slices.Sort(f.rules)
			require.Equal(t, f.rules, named(report), "%s", text)
			if f.at != "" {
				line := slices.IndexFunc(strings.Split(caddyfile, "\n"), func(l string) bool { return strings.TrimSpace(l) == f.at }) + 1
				require.Positive(t, line)
				require.Equal(t, "Caddyfile", report.Findings[0].File)
				require.Equal(t, line, report.Findings[0].Line)
			}
		})
	}
	t.Run("every rule has a fault", func(t *testing.T) {
		for _, rule := range audit.Rules() {
			require.True(t, seen[rule.Name], rule.Name)
		}
	})
}

// TestUnusedKeysAreThoseOfKeyList: audit names a key as unused exactly where key list --unused 90d lists it, a rotated one as well.
func TestUnusedKeysAreThoseOfKeyList(t *testing.T) {
	desk(t)
	c, err := config.Find("Caddyfile", "")
	require.NoError(t, err)
	now := time.Now()
	for name, tt := range map[string]struct {
		made, secret, used time.Duration // how long ago; used 0: never
		unused             bool
	}{
		"never used":            {100 * day, 100 * day, 0, true},
		"used long ago":         {100 * day, 100 * day, 91 * day, true},
		"used lately":           {100 * day, 100 * day, 89 * day, false},
		"made lately":           {80 * day, 80 * day, 0, false},
		"rotated, and not used": {100 * day, day, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			facts, free, err := survey.Take(t.Context(), c, now)
			require.NoError(t, err)
			defer free()
			key := &keystore.Key{Key: record.Key{ID: "key_1", Scopes: []record.Scope{"agent.leads.read"}, CreatedAt: now.Add(-tt.made)}, Workspace: "ws_acme"}
			key.Secrets = []keystore.Secret{{CreatedAt: now.Add(-tt.secret)}}
			if tt.used > 0 {
				key.Secrets[0].LastUsedAt = now.Add(-tt.used)
			}
			facts.Store.Keys = func(yield func(*keystore.Key, error) bool) { yield(key, nil) }
			report, err := audit.Audit(t.Context(), facts)
			require.NoError(t, err)
			filter := keystore.KeyFilter{Now: now, UnusedSince: now.Add(-90 * day)}
			require.Equal(t, tt.unused, filter.Asks(key))
			require.Equal(t, tt.unused, slices.Contains(named(report), "key-unused"))
		})
	}
}

// TestCleanConfiguration has no finding, and all is looked at.
func TestCleanConfiguration(t *testing.T) {
	desk(t)
	report := look(t, "Caddyfile", time.Now())
	require.Empty(t, report.Findings)
	require.Empty(t, report.Skipped)
	require.True(t, report.Store.Read)
	require.Equal(t, 1, report.Store.Keys)
}

// TestShippedConfigurations have no finding. Some need addresses of databases that no test of theirs reaches here.
func TestShippedConfigurations(t *testing.T) {
	files, err := filepath.Glob("../../../examples/*/Caddyfile*")
	require.NoError(t, err)
	deep, err := filepath.Glob("../../../examples/*/*/Caddyfile*")
	require.NoError(t, err)
	files = append(append(files, deep...), "../../../Caddyfile")
	require.GreaterOrEqual(t, len(files), 3)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			report := look(t, file, time.Now())
			require.Empty(t, report.Findings)
		})
	}
}
