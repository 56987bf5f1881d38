package file_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	crm  = "secret-of-the-crm-agent"
	mail = "secret-of-the-mail-agent"
)

// keys is a keys file of two workspaces with a key each; the limits of the first are given.
func keys(limits string) string {
	return fmt.Sprintf(`workspaces:
  - id: ws_acme
    plan: pro
    limits: [%s]
    metadata: {region: eu}
    keys:
      - {id: key_crm, name: crm agent, sha256: %s, scopes: [agent.leads.*], allowed_ips: [203.0.113.0/24]}
  - id: ws_other
    plan: starter
    keys:
      - {id: key_mail, sha256: %s}
`, limits, sumText(crm), sumText(mail))
}

func sumText(secret string) string {
	sum := record.SumOf(secret)
	return hex.EncodeToString(sum[:])
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// opened is a store on a file of the content, its path, and a reader of what it reported.
func opened(t *testing.T, content string) (s *file.Store, path string, reports func() []error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys.yaml")
	write(t, path, content)
	var all []error
	s, err := file.Open(path, func(err error) { all = append(all, err) })
	require.NoError(t, err)
	return s, path, func() []error { return all }
}

// settle follows the store until it has looked at the file three times, and gives the position it came to.
func settle(t *testing.T, s *file.Store, since keystore.Position) keystore.Position {
	t.Helper()
	for range 3 {
		changes, err := s.Changes(t.Context(), since)
		require.NoError(t, err)
		since = changes.Position
	}
	return since
}

func find(t *testing.T, s *file.Store, secret string) *record.Identity {
	t.Helper()
	identity, err := s.Lookup(t.Context(), record.SumOf(secret))
	require.NoError(t, err)
	return identity
}

func TestLookup(t *testing.T) {
	s, path, _ := opened(t, keys("500/1m"))
	identity := find(t, s, crm)
	require.Equal(t, "ws_acme", identity.Workspace.ID)
	require.Equal(t, "key_crm", identity.Key.ID)
	_, err := s.Lookup(t.Context(), record.SumOf("nobody's secret"))
	require.ErrorIs(t, err, keystore.ErrUnknown)
	require.Equal(t, path, s.String(), "where it lies")
	require.NoError(t, s.Close())
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/unreadable.yaml", "workspaces: [")
	for _, path := range []string{dir, dir + "/missing.yaml", dir + "/unreadable.yaml"} {
		_, err := file.Open(path, nil)
		require.ErrorContains(t, err, path)
	}
}

func TestAChangeIsTakenWholeAndKeepsUnchangedRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path, reports := opened(t, keys("500/1m"))
		acme, other := find(t, s, crm), find(t, s, mail)
		since := settle(t, s, keystore.Position{})
		require.Equal(t, since, settle(t, s, since), "nothing has changed")

		write(t, path, keys("900/1m"))
		now := settle(t, s, since)
		require.NotEqual(t, since, now)
		require.Equal(t, []error{nil}, reports())
		require.Equal(t, int64(900), find(t, s, crm).Workspace.Limits[0].Limit)
		require.Same(t, acme.Key, find(t, s, crm).Key, "the key has not changed")
		require.NotSame(t, acme.Workspace, find(t, s, crm).Workspace)
		require.Same(t, other, find(t, s, mail), "the other workspace has not changed")
	})
}

func TestAChangedFileIsAGapInTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path, _ := opened(t, keys(""))
		first, err := s.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		require.True(t, first.Gap, "whoever has no position knows nothing")
		write(t, path, keys("1/1m"))
		for {
			changes, err := s.Changes(t.Context(), first.Position)
			require.NoError(t, err)
			if changes.Position != first.Position {
				require.True(t, changes.Gap)
				return
			}
			require.False(t, changes.Gap)
		}
	})
}

func TestTheLastGoodOneStays(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		says  string
	}{
		{"when the file breaks", func(t *testing.T, path string) { write(t, path, keys("0/1m")) }, "keys.yaml:4: window"},
		{"when the file is emptied", func(t *testing.T, path string) { write(t, path, "") }, "is empty"},
		{"when the file vanishes", func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "no such file"},
		{"when a folder takes its place", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, "is not a regular file"},
		{"when half of it was written", func(t *testing.T, path string) {
			text := keys("1/1m")
			write(t, path, text[:len(text)/2])
		}, "keys.yaml:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, path, reports := opened(t, keys("500/1m"))
				before := find(t, s, crm)
				since := settle(t, s, keystore.Position{})
				test.spoil(t, path)
				require.Equal(t, since, settle(t, s, since), "to its followers nothing has changed")
				require.Same(t, before, find(t, s, crm))
				require.Len(t, reports(), 1, "said once")
				require.ErrorContains(t, reports()[0], "keeping the last good keys")
				require.ErrorContains(t, reports()[0], test.says)

				require.NoError(t, os.RemoveAll(path))
				write(t, path, keys("700/1m"))
				require.NotEqual(t, since, settle(t, s, since))
				require.NoError(t, reports()[1], "good again")
				require.Equal(t, int64(700), find(t, s, crm).Workspace.Limits[0].Limit)
			})
		})
	}
}

func TestAFileBeingWrittenIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path, reports := opened(t, keys("500/1m"))
		since := settle(t, s, keystore.Position{})
		// Cut after a whole line, so that what is there so far is a valid file with fewer keys.
		text := keys("900/1m")
		write(t, path, text[:strings.Index(text, "  - id: ws_other")])
		changes, err := s.Changes(t.Context(), since)
		require.NoError(t, err)
		require.Equal(t, since, changes.Position, "it has not come to rest")
		write(t, path, text)
		settle(t, s, since)
		require.Equal(t, []error{nil}, reports())
		require.NotNil(t, find(t, s, mail))
	})
}

func TestChangesEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := opened(t, keys(""))
		first, err := s.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.Changes(ctx, first.Position)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestEffectiveWithinTwoSeconds(t *testing.T) {
	s, path, _ := opened(t, keys(""))
	cache := keystore.NewCache(s, keystore.Options{})
	cache.Start()
	defer func() { require.NoError(t, cache.Close()) }()
	_, err := cache.Lookup(t.Context(), record.SumOf(crm))
	require.NoError(t, err)
	write(t, path, "workspaces: []")
	changed := time.Now()
	require.Eventually(t, func() bool {
		_, err := cache.Lookup(t.Context(), record.SumOf(crm))
		return err != nil
	}, 6*time.Second, 10*time.Millisecond)
	t.Logf("a removed key was refused after %v", time.Since(changed))
}

// TestWhatWasReadTooEarlyIsReadAgain changes a file a second time in a way that no look can see: it has the same size and
// the same time as it had when it was read before it came to rest.
func TestWhatWasReadTooEarlyIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path, _ := opened(t, keys("500/1m"))
		since := settle(t, s, keystore.Position{})
		write(t, path, keys("600/1m"))
		early, err := os.Stat(path)
		require.NoError(t, err)
		changes, err := s.Changes(t.Context(), since)
		require.NoError(t, err)
		require.Equal(t, since, changes.Position, "it has not come to rest")
		write(t, path, keys("700/1m"))
		require.NoError(t, os.Chtimes(path, early.ModTime(), early.ModTime()))
		settle(t, s, since)
		require.Equal(t, int64(700), find(t, s, crm).Workspace.Limits[0].Limit)
	})
}
