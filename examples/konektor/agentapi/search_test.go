package agentapi

import (
	"context"
	"database/sql"
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
	err = api.store.write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		for i := range searchBound + 1 {
			l := &lead{ID: uuid.NewString(), person: person{FirstName: fmt.Sprint("Lead", i)}, Status: statusNew, CreatedAt: millis(i)}
			if i == 0 {
				l.FirstName, l.Email = "Oldest", &email
			}
			if err := api.store.putLead(ctx, tx, "ws_a", "", l); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
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
