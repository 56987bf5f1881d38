package record

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseScope(t *testing.T) {
	for _, text := range []string{
		"*", "a", "agent", "agent.leads.read", "agent.*", "agent.leads.*", "konecty.Contact.create", "a-b.c_d.E9", "-", "_.0",
		strings.Repeat("a", MaxScopeLength), strings.Repeat("a.", MaxScopeLength/2-1) + "*",
	} {
		t.Run("accepts/"+text, func(t *testing.T) {
			got, err := ParseScope(text)
			require.NoError(t, err)
			require.Equal(t, Scope(text), got)
		})
	}
	for text, reason := range map[string]string{
		"":                                    "a scope is empty",
		".":                                   "empty segment",
		"agent.":                              "empty segment",
		".agent":                              "empty segment",
		"agent..read":                         "empty segment",
		"agent..*":                            "empty segment",
		".*":                                  "empty segment",
		"**":                                  "'*' may stand only as the whole last segment",
		"*.read":                              "'*' may stand only",
		"agent.*.read":                        "'*' may stand only",
		"agent.l*":                            "'*' may stand only",
		"agent.*s":                            "'*' may stand only",
		"agent*":                              "'*' may stand only",
		"*.*":                                 "'*' may stand only",
		"agent leads":                         `' ' is not allowed`,
		" agent":                              `' ' is not allowed`,
		"agent\n":                             `'\n' is not allowed`,
		"agent:read":                          `':' is not allowed`,
		"konecty.:document":                   `':' is not allowed`,
		"agent/read":                          `'/' is not allowed`,
		"agent,leads":                         `',' is not allowed`,
		`a"b`:                                 `'"' is not allowed`,
		"agent.é":                             `'é' is not allowed`,
		"agent.Ａ":                             `'Ａ' is not allowed`,
		"agent.\xff":                          "is not allowed",
		"agent.\x00":                          `'\x00' is not allowed`,
		strings.Repeat("a", MaxScopeLength+1): "has 129 characters: at most 128",
	} {
		t.Run("refuses/"+text, func(t *testing.T) {
			got, err := ParseScope(text)
			require.ErrorContains(t, err, reason)
			require.Empty(t, got)
		})
	}
}

func TestParseScopes(t *testing.T) {
	got, err := ParseScopes([]string{"a.b", "*"})
	require.NoError(t, err)
	require.Equal(t, []Scope{"a.b", "*"}, got)
	got, err = ParseScopes(nil)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = ParseScopes([]string{"a.b", "a."})
	require.ErrorContains(t, err, `scope "a." has an empty segment`)
	require.Nil(t, got, "all or nothing")
}

func TestScopeCovers(t *testing.T) {
	for _, test := range []struct {
		held    Scope
		needed  string
		covered bool
	}{
		{"agent.leads.read", "agent.leads.read", true},
		{"agent.leads.read", "agent.leads.write", false},
		{"agent.leads.read", "agent.leads", false},
		{"agent.leads.read", "agent.leads.read.all", false},
		{"agent.leads.read", "Agent.leads.read", false},
		{"agent.leads", "agent.leads.read", false},
		{"agent.*", "agent.leads", true},
		{"agent.*", "agent.leads.read", true},
		{"agent.*", "agent", false},
		{"agent.*", "agent.", false},
		{"agent.*", "agents.read", false},
		{"agent.*", "agentleads", false},
		{"agent.*", "AGENT.leads", false},
		{"agent.*", "other.agent.leads", false},
		{"agent.leads.*", "agent.read", false},
		{"*", "agent", true},
		{"*", "agent.leads.read", true},
	} {
		require.Equal(t, test.covered, test.held.Covers(test.needed), "%s covers %s", test.held, test.needed)
	}
}

func TestMayCover(t *testing.T) {
	for _, c := range []struct {
		held, needed string
		want         bool
	}{
		{"agent.leads.read", "agent.leads.read", true}, {"agent.leads.read", "agent.leads", false}, {"agent.leads", "agent.leads.read", false},
		{"*", "agent", true}, {"agent.*", "agent.leads.read", true}, {"agent.*", "agent", false}, {"Agent.*", "agent.leads", false},
		{"konecty.Contact.create", "konecty.:document.create", true}, {"konecty.Contact.update", "konecty.:document.create", false},
		{"konecty.Contact.*", "konecty.:document.create", true}, {"konecty.create", "konecty.:document.create", false},
		{"konecty.*", ":any.thing", true}, {"x.konecty", ":any", false},
	} {
		require.Equal(t, c.want, Scope(c.held).MayCover(c.needed), "%s for %s", c.held, c.needed)
		if !strings.Contains(c.needed, ":") {
			require.Equal(t, Scope(c.held).Covers(c.needed), Scope(c.held).MayCover(c.needed), "without parameters it is Covers")
		}
	}
}
