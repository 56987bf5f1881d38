package keystore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestScanReportsLiveSecretsOnly(t *testing.T) {
	var secrets []string
	for range 4 {
		secret, err := apikey.New("tg")
		require.NoError(t, err)
		secrets = append(secrets, secret)
	}
	live, revoked, expired, nobodys := secrets[0], secrets[1], secrets[2], secrets[3]
	store := newFake(live)
	store.set(revoked, func(i *record.Identity) { i.Key.RevokedAt = time.Now() })
	store.set(expired, func(i *record.Identity) { i.Key.ExpiresAt = time.Now().Add(-time.Second) })
	dir := t.TempDir()
	path := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(path, []byte(revoked+"\n"+live+"\n"+expired+"\n"+nobodys+"\n"+live+"\n"), 0o600))

	var leaks []keystore.Leak
	unread, err := keystore.Scan(t.Context(), store, dir, "tg", func(l keystore.Leak) error { leaks = append(leaks, l); return nil })
	require.NoError(t, err)
	require.Empty(t, unread)
	require.Equal(t, []keystore.Leak{
		{Path: path, Line: 2, Key: "key_" + live, Workspace: "ws_" + live, Fingerprint: record.SumOf(live).Fingerprint()},
		{Path: path, Line: 5, Key: "key_" + live, Workspace: "ws_" + live, Fingerprint: record.SumOf(live).Fingerprint()},
	}, leaks)
	require.EqualValues(t, 4, store.asked.Load(), "each secret is asked for once")

	store.do(func() { store.away = errAway })
	_, err = keystore.Scan(t.Context(), store, dir, "tg", func(keystore.Leak) error { return nil })
	require.ErrorIs(t, err, errAway, "a store that is away is no clean bill of health")
}
