package agentapi_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

func TestDataSurvivesReopening(t *testing.T) {
	folder, key := t.TempDir(), agentapi.GenerateKey()
	h := open(t, agentapi.Options{Folder: folder, Key: key, Seed: []string{"ws_acme"}})
	id := h.create(whole())
	before := h.get("/leads/" + id).text
	seeds := h.ask("ws_acme", "GET", "/leads?limit=100", nil).text
	cursor := cursorOf(h.ask("ws_acme", "GET", "/leads", nil))
	require.NoError(t, h.api.Close())

	again := open(t, agentapi.Options{Folder: folder, Key: key, Seed: []string{"ws_acme"}})
	require.Equal(t, before, again.get("/leads/"+id).text)
	require.Equal(t, seeds, again.ask("ws_acme", "GET", "/leads?limit=100", nil).text, "a workspace is seeded once")
	require.Equal(t, http.StatusOK, again.ask("ws_acme", "GET", "/leads?cursor="+cursor, nil).status, "cursors live on")
	require.Equal(t, []string{"Ana"}, again.get("/leads?search=ana@example.com").names(), "blind indexes too")
}

// TestNoPersonalDataIsOnDisk looks into every file, while the database is open and after it was closed.
func TestNoPersonalDataIsOnDisk(t *testing.T) {
	folder, key := t.TempDir(), agentapi.GenerateKey()
	h := open(t, agentapi.Options{Folder: folder, Key: key, Seed: []string{"ws_acme"}})
	id := h.create(fields{"firstName": "Wilhelmina", "lastName": "Featherstonehaugh", "email": "Wilhelmina.F@Example.org", "phone": "+1 (555) 010-7788",
		"notes": "Met at the lighthouse festival", "uniqueCode": "CRM-VISIBLE"})
	h.ask("ws_a", "PATCH", "/leads/"+id, fields{"lastName": "Cholmondeley", "notes": "Moved to the observatory"})
	h.ask("ws_a", "POST", "/leads/upsert", fields{"phone": "15550107788", "email": "new.address@example.org"})
	h.ask("ws_a", "POST", "/support/tickets", fields{"subject": "Marmalade subject", "message": "Persimmon message"})
	for _, search := range []string{"cholmondeley", "new.address@example.org", "15550107788"} {
		require.Len(t, h.get("/leads?search="+search).list(), 1)
	}
	secrets := []string{"Wilhelmina", "Featherstonehaugh", "Wilhelmina.F@Example.org", "wilhelmina.f", "+1 (555) 010-7788", "15550107788", "5550107788",
		"lighthouse", "Cholmondeley", "observatory", "new.address", "Marmalade", "Persimmon"}
	for _, lead := range h.ask("ws_acme", "GET", "/leads?limit=100", nil).list() {
		for _, name := range []string{"email", "phone", "notes"} {
			if text, given := lead.(map[string]any)[name].(string); given {
				secrets = append(secrets, text)
			}
		}
	}
	require.Greater(t, len(secrets), 100)
	notOnDisk(t, folder, secrets)
	require.NoError(t, h.api.Close())
	notOnDisk(t, folder, secrets)
}

func notOnDisk(t *testing.T, folder string, secrets []string) {
	t.Helper()
	var all []byte
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(folder, file.Name()))
		require.NoError(t, err)
		all = append(all, bytes.ToLower(content)...)
	}
	require.True(t, bytes.Contains(all, []byte("crm-visible")), "what is not encrypted would be found")
	for _, secret := range secrets {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)]} {
			require.False(t, bytes.Contains(all, []byte(strings.ToLower(form))), "%q is on disk", form)
		}
	}
}

func TestTheFilesAreTheirOwnersOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	h := open(t, agentapi.Options{Folder: folder, Key: agentapi.GenerateKey()})
	h.create(fields{"firstName": "Ana"})
	info, err := os.Stat(folder)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 3, "the database, its log and its shared memory")
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file.Name())
	}
}

func TestNewRefuses(t *testing.T) {
	written := func(t *testing.T) string {
		folder := t.TempDir()
		require.NoError(t, open(t, agentapi.Options{Folder: folder, Key: bytes.Repeat([]byte{1}, agentapi.KeySize)}).api.Close())
		return folder
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T) string
		key     []byte
		says    string
	}{
		"a folder without a key": {func(t *testing.T) string { return t.TempDir() }, nil, "reading the encryption key"},
		"a short key":            {written, make([]byte, 16), "reading the encryption key"},
		"another key":            {written, bytes.Repeat([]byte{2}, agentapi.KeySize), "another encryption key"},
		"a later schema": {func(t *testing.T) string {
			folder := written(t)
			db, err := sql.Open("sqlite", filepath.Join(folder, "konektor.db"))
			require.NoError(t, err)
			_, err = db.Exec("PRAGMA user_version = 99")
			require.NoError(t, err)
			require.NoError(t, db.Close())
			return folder
		}, bytes.Repeat([]byte{1}, agentapi.KeySize), "version 99"},
		"a file that is not a database": {func(t *testing.T) string {
			folder := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(folder, "konektor.db"), []byte(strings.Repeat("no database ", 100)), 0o600))
			return folder
		}, bytes.Repeat([]byte{1}, agentapi.KeySize), "opening the database"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agentapi.New(context.Background(), agentapi.Options{Folder: c.prepare(t), Key: c.key})
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestFoldersWithOddNamesWork(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a b?mode=ro&x=%41#ü")
	h := open(t, agentapi.Options{Folder: folder, Key: agentapi.GenerateKey()})
	h.create(fields{"firstName": "Ana"})
	_, err := os.Stat(filepath.Join(folder, "konektor.db"))
	require.NoError(t, err)
}

func TestATemporaryFolderGoesWithTheBackend(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	api, err := agentapi.New(context.Background(), agentapi.Options{Seed: []string{"ws_acme"}})
	require.NoError(t, err)
	left := func() int {
		files, err := os.ReadDir(os.TempDir())
		require.NoError(t, err)
		return len(files)
	}
	require.Equal(t, 1, left())
	require.NoError(t, api.Close())
	require.NoError(t, api.Close(), "closing twice is harmless")
	require.Zero(t, left())
	_, err = agentapi.New(context.Background(), agentapi.Options{Seed: []string{"not an id"}})
	require.ErrorContains(t, err, `"not an id"`)
	require.Zero(t, left())
}

func TestSeedsAreTheSameEachTime(t *testing.T) {
	show := func() (all string) {
		h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
		for _, target := range []string{"/workspace", "/leads?limit=100&sortOrder=asc", "/analytics/campaigns", "/conversions/status?timeframe=all_time"} {
			got := h.ask("ws_acme", "GET", target, nil).text
			all += strings.Split(got, `"nextCursor"`)[0] // signed with the key, which is new each time
		}
		return all
	}
	require.Equal(t, show(), show())
	h := open(t, agentapi.Options{Seed: seeded})
	require.NotEqual(t, h.ask(seeded[0], "GET", "/leads/CRM-1024", nil).text, h.ask(seeded[1], "GET", "/leads/CRM-1024", nil).text)
}

func TestAWorkspaceWithLeadsIsNotSeeded(t *testing.T) {
	folder, key := t.TempDir(), agentapi.GenerateKey()
	h := open(t, agentapi.Options{Folder: folder, Key: key})
	h.create(fields{"firstName": "Ana", "uniqueCode": "CRM-1024"})
	require.NoError(t, h.api.Close())
	again := open(t, agentapi.Options{Folder: folder, Key: key, Seed: []string{"ws_a"}})
	require.Equal(t, []string{"Ana"}, again.get("/leads").names())
}

func TestASeededWorkspaceIsAlive(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	today := h.ask("ws_acme", "GET", "/analytics/summary?timeframe=today", nil).object()
	require.Positive(t, today["total"])
	whole := h.ask("ws_acme", "GET", "/analytics/summary?timeframe=all_time", nil).object()
	require.Equal(t, 120.0, whole["total"])
	for status, n := range whole["byStatus"].(map[string]any) {
		require.Positive(t, n, status)
	}
	require.Positive(t, whole["revenue"])
	require.Equal(t, "Acme", h.ask("ws_acme", "GET", "/workspace", nil).object()["displayName"])
}
