package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
	"github.com/tollgate-gateway/tollgate/examples/shipped"
)

// The secrets of the gateway's keys.
const (
	everyScope = "all-secret-of-the-tests"
	oneScope   = "contact-secret-of-the-tests"
	limitedKey = "small-secret-of-the-tests"
	ended      = "ended-secret-of-the-tests"
)

const gatewayKeys = `workspaces:
  - id: ws_acme
    plan: pro
    limits: [100000/1m]
    keys:
      - {id: key_all, name: all, sha256: $SHA(` + everyScope + `), scopes: ["konecty.*"]}
      - {id: key_contact, name: contact, sha256: $SHA(` + oneScope + `), scopes: [konecty.Contact.create, konecty.modules.read]}
  - id: ws_small
    plan: small
    keys: [{id: key_small, name: small, sha256: $SHA(` + limitedKey + `), scopes: ["konecty.*"]}]
  - id: ws_ended
    plan: pro
    keys: [{id: key_ended, name: ended, sha256: $SHA(` + ended + `), scopes: ["konecty.*"]}]
`

// behindGateway runs the example's Caddyfile, as it is shipped, in front of a Konecty.
func behindGateway(t *testing.T) (*harness.Gateway, *crm.Server) {
	t.Helper()
	server, err := crm.New(crm.Options{Token: token, Denied: []string{"Product"}})
	require.NoError(t, err)
	return shipped.Start(t, shipped.Setup{
		Caddyfile: "../../examples/konecty/Caddyfile", Backend: server, Keys: gatewayKeys,
		Options: "policy_timeout 20s\nplan small 2/2s",
		Files: map[string]string{"secrets/ws_acme/konecty_token": token, "secrets/ws_small/konecty_token": token,
			"secrets/ws_ended/konecty_token": "a-session-that-has-ended"},
	}), server
}

func through(t *testing.T, g *harness.Gateway, key string) *tool {
	t.Helper()
	return &tool{t: t, host: "http://" + g.Addr, token: key, home: t.TempDir()}
}

// sends counts the requests that reached the Konecty, since the last call, for creating records.
func sends(g *harness.Gateway) (count int) {
	for _, seen := range g.Backend.Seen() {
		if seen.Method == "POST" && strings.HasPrefix(seen.Target, "/rest/data/") {
			count++
		}
	}
	return count
}

func TestStoryThroughTheGateway(t *testing.T) {
	g, _ := behindGateway(t)
	tellStory(t, "http://"+g.Addr, everyScope)
	require.Equal(t, 2, sends(g), "the wrong payload and the dry run are not sent")
}

func TestTheLimitIsWaitedForOnce(t *testing.T) {
	g, _ := behindGateway(t)
	k := through(t, g, limitedKey)
	// Until the window is spent: a loaded machine may need more than one for that.
	var refused outcome
	for refused.code == exitDone {
		refused = k.run("modules", "--no-wait")
	}
	refused.fails(exitRefused, "limit").oneLine()

	var waits []time.Duration
	k.wait = func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for len(waits) == 0 {
		got := k.run("modules")
		require.Equal(t, exitDone, got.code, "granted after Retry-After: %s", got.stderr)
		require.Equal(t, len(waits), strings.Count(got.stderr, "waiting "))
	}
	require.GreaterOrEqual(t, waits[0], time.Second)
	require.LessOrEqual(t, waits[0], 2*time.Second)
}

func TestTheGatewaysRefusalsAreOneClearLine(t *testing.T) {
	g, server := behindGateway(t)
	right := []string{"create", "Contact", "--data", `{"name": {"first": "Ana"}}`}
	for name, c := range map[string]struct {
		key       string
		arguments []string
		code      int
		says      string
	}{
		"no such key":           {"nobody-knows-this-secret", []string{"modules"}, exitRefused, "API key"},
		"query without scope":   {oneScope, []string{"lookup", "Contact", "16503"}, exitRefused, "The key lacks konecty.query, konecty.Contact.read."},
		"another module":        {oneScope, []string{"create", "Campaign", "--data", `{"name": "x", "channels": ["Email"]}`}, exitRefused, "The key lacks konecty.Campaign.create."},
		"permission of session": {everyScope, []string{"create", "Product", "--data", `{"name": "x", "price": {"currency": "BRL", "value": 1}}`}, exitRefused, "permission"},
		"session has ended":     {ended, []string{"modules"}, exitUnreachable, "(request "},
	} {
		t.Run(name, func(t *testing.T) {
			through(t, g, c.key).run(c.arguments...).fails(c.code, c.says).oneLine()
		})
	}
	var created struct {
		ID string `json:"_id"`
	}
	got := through(t, g, oneScope).run(append(right, "--json")...).ok()
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &created))
	require.NotEmpty(t, created.ID, "one scope is enough for its module")

	server.SetDatabaseDown(true)
	down := through(t, g, everyScope).run(right...).fails(exitUnreachable).oneLine()
	require.NotContains(t, down.stderr, "10.20.0.5")
}
