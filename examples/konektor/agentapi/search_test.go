package agentapi

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestASearchByNameIsBoundedAndSaysSo fills a workspace beyond the bound, past the API to save time.
func TestASearchByNameIsBoundedAndSaysSo(t *testing.T) {
	api, err := New(t.Context(), Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, api.Close()) }()
	email := "oldest@example.com"
	require.NoError(t, api.store.write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		return crowd(ctx, tx, api.store, "ws_a", searchBound)
	}))
	oldest := &lead{ID: uuid.NewString(), person: person{FirstName: "Oldest", Email: &email}, Status: statusNew}
	require.NoError(t, api.store.write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		return api.store.putLead(ctx, tx, "ws_a", oldest)
	}))
	search := func(query string) string {
		r := httptest.NewRequest("GET", Base+"/leads?limit=1&"+query, nil)
		r.Header.Set("X-Tollgate-Workspace", "ws_a")
		recorder := httptest.NewRecorder()
		began := time.Now()
		api.ServeHTTP(recorder, r)
		t.Logf("%s: %v", query, time.Since(began))
		return recorder.Body.String()
	}
	require.Contains(t, search("search=oldest"), `"total":0,"totalPages":0,"nextCursor":null,"searchLimited":true`)
	require.Contains(t, search("search=oldest&sortOrder=asc"), `"total":1,"totalPages":1,"nextCursor":null,"searchLimited":true`)
	require.NotContains(t, search("search=lead10000&createdFrom=1970-01-01T00:00:00.001Z"), "searchLimited")
	require.Contains(t, search("search=oldest@example.com"), `"total":1,"totalPages":1,"nextCursor":null}`)
}

// crowd writes leads called Lead1 to Lead<n>, created in this order, in one statement.
func crowd(ctx context.Context, tx *sql.Tx, s *store, workspace string, n int) error {
	var rows [][]any
	for i := range n {
		id := uuid.NewString()
		sealed := s.vault.seal(fmt.Appendf(nil, `{"firstName":"Lead%d"}`, i+1), place(workspace, id, "person"))
		rows = append(rows, []any{id, hex.EncodeToString(sealed), i + 1})
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO leads (workspace, id, person, created_at, updated_at, status, priority, source, score)
		SELECT ?, value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 2, 'new', 'medium', 'other', 0 FROM json_each(?)`, workspace, string(list))
	return err
}
