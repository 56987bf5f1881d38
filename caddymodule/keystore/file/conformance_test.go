package file_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Store(t, func(t *testing.T) storetest.Opened {
		path := filepath.Join(t.TempDir(), "keys.json")
		world := storetest.Example()
		put(t, path, world)
		s, err := file.Open(path, nil)
		require.NoError(t, err)
		return storetest.Opened{Store: s, Within: 2 * time.Second, Disable: func() {
			world[0].Keys[0].Key.Disabled = true
			put(t, path, world)
		}}
	})
}

// put writes the world as a keys file in JSON.
func put(t *testing.T, path string, world storetest.World) {
	t.Helper()
	var workspaces []map[string]any
	for _, w := range world {
		var keys []map[string]any
		for _, k := range w.Keys {
			key := map[string]any{"id": k.Key.ID, "sha256": hex.EncodeToString(k.Sum[:]), "disabled": k.Key.Disabled}
			if k.Key.Name != "" {
				key["name"], key["scopes"], key["allowed_ips"], key["limits"], key["expires_at"] = k.Key.Name, k.Key.Scopes, k.Key.AllowedIPs, k.Key.Limits, k.Key.ExpiresAt
			}
			keys = append(keys, key)
		}
		workspace := map[string]any{"id": w.ID, "plan": w.Plan, "keys": keys}
		if w.Limits != nil {
			workspace["limits"], workspace["quotas"], workspace["metadata"] = w.Limits, w.Quotas, w.Metadata
		}
		if w.Suspended() {
			workspace["suspended"] = w.SuspendedReason
		}
		workspaces = append(workspaces, workspace)
	}
	text, err := json.Marshal(map[string]any{"workspaces": workspaces})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}
