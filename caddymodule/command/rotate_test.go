package command_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// filling says nothing more after some lines.
type filling struct {
	strings.Builder
	lines int
}

func (f *filling) Write(text []byte) (int, error) {
	if f.lines--; f.lines < 0 {
		return 0, errors.New("no space left on device")
	}
	return f.Builder.Write(text)
}

// TestAllKeysOfAWorkspaceAreRotated: those that work, each secret printed when it works, and lost only where it says so.
func TestAllKeysOfAWorkspaceAreRotated(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	d.Must(t, "workspace", "create", "ws_globex", "--plan", "tiny")
	o := d.Run("", "key", "rotate", "--all", "--workspace", "ws_acme", "--yes")
	require.NoError(t, o.Err)
	require.Equal(t, "nothing changed in key store: sqlite "+d.Dir+"/tollgate.db\nworkspace ws_acme has no active key\n", o.Notes)
	var ids, old []string
	for range 4 {
		id, secret := d.Created(t, "--workspace", "ws_acme")
		ids, old = append(ids, id), append(old, secret)
	}
	stranger, _ := d.Created(t, "--workspace", "ws_globex")
	d.Must(t, "key", "revoke", ids[3])
	store := sqlite.New(d.Dir+"/tollgate.db", sqlite.Options{})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	works := func(secret string) bool {
		identity, err := store.Lookup(t.Context(), record.SumOf(secret))
		return err == nil && identity.Usable(time.Now())
	}

	o = d.Run("", "key", "rotate", "--all", "--workspace", "ws_acme", "--yes", "--grace", "0s")
	require.NoError(t, o.Err)
	require.Contains(t, o.Notes, "3 keys rotated, the old secrets end after 0s; each new one is shown this once\n")
	require.Contains(t, o.Notes, "left as they are, for they are revoked, disabled or expired: 1 key\n")
	rows := strings.Split(strings.TrimSpace(o.Out), "\n")
	require.Len(t, rows, 3)
	for _, row := range rows {
		require.Contains(t, ids[:3], strings.Fields(row)[0])
		require.True(t, works(strings.Fields(row)[1]))
	}
	for _, secret := range old {
		require.False(t, works(secret))
	}
	require.NotContains(t, d.Must(t, "key", "history", stranger), "key rotate")

	var views []struct{ ID, Secret string }
	for line := range strings.Lines(d.Must(t, "key", "rotate", "--all", "--workspace", "ws_acme", "--yes", "--json")) {
		var view struct{ ID, Secret string }
		require.NoError(t, json.Unmarshal([]byte(line), &view))
		require.True(t, works(view.Secret))
		views = append(views, view)
	}
	require.Len(t, views, 3)

	out := &filling{lines: 1}
	o = d.RunTo(out, "", "key", "rotate", "--all", "--workspace", "ws_acme", "--yes")
	require.ErrorContains(t, o.Err, "key "+views[1].ID+" has a new secret, which is lost")
	require.ErrorContains(t, o.Err, "not rotated: "+views[2].ID+": printing the answer: no space left on device")
	require.True(t, works(strings.Fields(out.String())[1]))

	for range 5 {
		d.Must(t, "key", "rotate", views[0].ID)
	}
	o = d.Run("", "key", "rotate", "--all", "--workspace", "ws_acme", "--yes")
	require.ErrorContains(t, o.Err, "2 keys rotated, their secrets are printed above; not rotated: "+views[0].ID+": ")
	require.ErrorContains(t, o.Err, "has 8 secrets that work")
	require.Len(t, strings.Split(strings.TrimSpace(o.Out), "\n"), 2)
}
