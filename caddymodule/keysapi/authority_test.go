package keysapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestScopesReach(t *testing.T) {
	for held, want := range map[record.Scope][2]reach{ // of reading, of writing
		"agent.*":              {nowhere, nowhere},
		"tollgate":             {nowhere, nowhere},
		"tollgate.keys":        {nowhere, nowhere},
		"tollgate.keys.read":   {home, nowhere},
		"tollgate.keys.write":  {nowhere, home},
		"tollgate.keys.*":      {home, home},
		"tollgate.keys.rea":    {nowhere, nowhere},
		"Tollgate.Keys.Read":   {nowhere, nowhere},
		"tollgate.admin":       {nowhere, nowhere},
		"tollgate.admin.read":  {everywhere, nowhere},
		"tollgate.admin.write": {nowhere, everywhere},
		"tollgate.admin.*":     {everywhere, everywhere},
		"tollgate.*":           {everywhere, everywhere},
		"*":                    {home, home},
	} {
		t.Run(string(held), func(t *testing.T) {
			who := authority{&record.Identity{Key: &record.Key{Scopes: []record.Scope{held}}}}
			require.Equal(t, want, [2]reach{who.reach(&Operation{area: "keys", action: "read"}), who.reach(&Operation{area: "keys", action: "write"})})
		})
	}
}

func TestWhatIsCovered(t *testing.T) {
	for _, c := range []struct {
		held    []record.Scope
		wanted  record.Scope
		covered bool
	}{
		{nil, "agent.read", false},
		{scopes("agent.read"), "agent.read", true},
		{scopes("agent.read"), "agent.write", false},
		{scopes("agent.read"), "agent.*", false},
		{scopes("agent.*"), "agent.read", true},
		{scopes("agent.*"), "agent.*", true},
		{scopes("agent.*"), "agent.leads.*", true},
		{scopes("agent.leads.*"), "agent.*", false},
		{scopes("agent.*"), "agent", false},
		{scopes("agent.*"), "agents.read", false},
		{scopes("agent.*"), "*", false},
		{scopes("agent.read", "agent.write"), "agent.*", false},
		{scopes("*"), "*", true},
		{scopes("*"), "agent.*", true},
		{scopes("*"), "tollgate.keys.*", true},
		{scopes("*"), "tollgate.admin.read", false},
		{scopes("*"), "tollgate.admin.*", false},
		{scopes("*"), "tollgate.*", false},
		{scopes("*", "tollgate.admin.*"), "tollgate.admin.read", true},
		{scopes("tollgate.*"), "tollgate.admin.*", true},
		{scopes("tollgate.admin.*"), "tollgate.*", false},
		{scopes("tollgate.admin.*"), "tollgate.keys.read", false},
	} {
		require.Equal(t, c.covered, covered(c.held, c.wanted), "%v covers %s", c.held, c.wanted)
	}
}

func TestWiderAllowlists(t *testing.T) {
	for _, c := range []struct {
		list, than []string
		wider      bool
	}{
		{nil, nil, false},
		{[]string{"10.0.0.1"}, nil, false},
		{nil, []string{"10.0.0.0/8"}, true},
		{[]string{"10.0.0.0/8"}, []string{"10.0.0.0/8"}, false},
		{[]string{"10.1.0.0/16", "10.2.3.4"}, []string{"10.0.0.0/8"}, false},
		{[]string{"10.0.0.0/7"}, []string{"10.0.0.0/8"}, true},
		{[]string{"0.0.0.0/0"}, []string{"10.0.0.0/8"}, true},
		{[]string{"10.0.0.1", "11.0.0.1"}, []string{"10.0.0.0/8"}, true},
		{[]string{"::/0"}, []string{"0.0.0.0/0"}, true},
		{[]string{"0.0.0.0/0"}, []string{"::/0"}, true},
		{[]string{"2001:db8::1", "10.0.0.1"}, []string{"10.0.0.0/8", "2001:db8::/32"}, false},
	} {
		list, err := record.ParseNetworks(c.list)
		require.NoError(t, err)
		than, err := record.ParseNetworks(c.than)
		require.NoError(t, err)
		require.Equal(t, c.wider, wider(list, than), "%v is wider than %v", c.list, c.than)
	}
}

func TestTheCallersEnd(t *testing.T) {
	soon, late := time.Unix(1000, 0), time.Unix(2000, 0)
	for _, c := range []struct{ key, secret, want time.Time }{
		{time.Time{}, time.Time{}, time.Time{}},
		{late, time.Time{}, late},
		{time.Time{}, soon, soon},
		{late, soon, soon},
		{soon, late, soon},
	} {
		who := authority{&record.Identity{Key: &record.Key{ExpiresAt: c.key}, SecretExpiresAt: c.secret}}
		require.Equal(t, c.want, who.end())
	}
}

func TestWhatWidensAKey(t *testing.T) {
	at := time.Unix(1000, 0)
	before := record.Key{Name: "a", Scopes: scopes("agent.*"), ExpiresAt: at, Disabled: true, Limits: windows(t, "50/1m")}
	var err error
	before.AllowedIPs, err = record.ParseNetworks([]string{"10.0.0.0/8"})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(*record.Key)
		widens bool
	}{
		"nothing":           {func(*record.Key) {}, false},
		"name":              {func(k *record.Key) { k.Name = "b" }, false},
		"fewer scopes":      {func(k *record.Key) { k.Scopes = scopes("agent.read") }, false},
		"no scopes":         {func(k *record.Key) { k.Scopes = nil }, false},
		"another scope":     {func(k *record.Key) { k.Scopes = scopes("konecty.read") }, true},
		"smaller allowlist": {func(k *record.Key) { k.AllowedIPs, _ = record.ParseNetworks([]string{"10.0.0.1"}) }, false},
		"no allowlist":      {func(k *record.Key) { k.AllowedIPs = nil }, true},
		"earlier end":       {func(k *record.Key) { k.ExpiresAt = at.Add(-1) }, false},
		"later end":         {func(k *record.Key) { k.ExpiresAt = at.Add(1) }, true},
		"no end":            {func(k *record.Key) { k.ExpiresAt = time.Time{} }, true},
		"enabling":          {func(k *record.Key) { k.Disabled = false }, true},
		"tighter limits":    {func(k *record.Key) { k.Limits = windows(t, "50/1m 5/1s") }, false},
		"looser limits":     {func(k *record.Key) { k.Limits = windows(t, "51/1m") }, true},
		"no limits":         {func(k *record.Key) { k.Limits = nil }, true},
		"revoking":          {func(k *record.Key) { k.RevokedAt = at }, false},
	} {
		t.Run(name, func(t *testing.T) {
			after := before
			c.change(&after)
			require.Equal(t, c.widens, widens(&before, &after))
		})
	}
}

func scopes(list ...record.Scope) []record.Scope { return list }
