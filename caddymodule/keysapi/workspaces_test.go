package keysapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// newOffice is a desk whose caller holds these scopes, with two customers beside the caller's own workspace.
func newOffice(t *testing.T, held ...record.Scope) *desk {
	t.Helper()
	d := newDesk(t, held...)
	for id, plan := range map[string]string{"ws_acme": "pro", "ws_globex": "starter"} {
		require.NoError(t, d.store.CreateWorkspace(t.Context(), by, &record.Workspace{ID: id, Plan: plan}))
		require.NoError(t, d.store.CreateKeys(t.Context(), by, id, []keystore.NewKey{{Key: record.Key{ID: "key_" + id}, Sum: record.SumOf(id)}}))
	}
	return d
}

// listed are the ids of an answer's workspaces.
func listed(t *testing.T, answer *Answer, refused *refusal.Refusal) string {
	t.Helper()
	require.Nil(t, refused)
	var ids []string
	for _, w := range answer.Data.([]WorkspaceView) {
		ids = append(ids, w.ID)
	}
	return strings.Join(ids, " ")
}

func TestLifeOfAWorkspaceOverHTTP(t *testing.T) {
	d := newOffice(t, "tollgate.admin.*")
	ask := func(method, path, query, body string) any {
		t.Helper()
		answer, refused := d.ask(t, method, path, query, body)
		require.Nil(t, refused)
		require.Equal(t, 200, answer.Status)
		return answer.Data
	}
	suspended := ask("POST", "/workspaces/ws_acme/suspend", "", `{"reason":"invoice 117 unpaid"}`).(WorkspaceView)
	require.Equal(t, "invoice 117 unpaid", suspended.Suspended.Reason)
	require.WithinDuration(t, time.Now(), *suspended.Suspended.At, time.Minute)
	again := ask("POST", "/workspaces/ws_acme/suspend", "", `{"reason":"two invoices"}`).(WorkspaceView)
	require.Equal(t, suspended.Suspended.At, again.Suspended.At, "since when does not change")
	require.Equal(t, again, ask("GET", "/workspaces/ws_acme", "", ""))
	require.Equal(t, again, ask("HEAD", "/workspaces/ws_acme", "", ""))
	for query, want := range map[string]string{
		"": "ws ws_acme ws_globex", "suspended=true": "ws_acme", "suspended=false": "ws ws_globex", "plan=starter": "ws_globex",
		"plan=pro&suspended=true": "ws_acme", "plan=none": "", "after=ws": "ws_acme ws_globex", "limit=2": "ws ws_acme",
	} {
		answer, refused := d.ask(t, "GET", "/workspaces", query, "")
		require.Equal(t, want, listed(t, answer, refused), query)
	}
	require.Nil(t, ask("POST", "/workspaces/ws_acme/resume", "", "").(WorkspaceView).Suspended)
	require.Equal(t, DeletedWorkspace{"ws_acme", true, 1}, ask("DELETE", "/workspaces/ws_acme", "", ""))
	_, err := d.store.Lookup(t.Context(), record.SumOf("ws_acme"))
	require.ErrorIs(t, err, keystore.ErrUnknown)

	var words []string
	for _, e := range ask("GET", "/workspaces/ws_acme/history", "", "").([]EventView) {
		words = append(words, e.Action+" by "+e.By)
	}
	require.Equal(t, []string{"workspace delete by key key_caller", "workspace resume by key key_caller", "workspace suspend by key key_caller",
		"workspace suspend by key key_caller", "test by test", "test by test"}, words)
	require.Len(t, ask("GET", "/workspaces/ws_acme/history", "limit=2", ""), 2)
}

// TestWorkspacesComeInPages, which may be shorter where few match, and none is left out.
func TestWorkspacesComeInPages(t *testing.T) {
	d := newDesk(t, "tollgate.admin.*")
	var want []string
	for n := range 2*maxPage + 7 {
		w := record.Workspace{ID: fmt.Sprintf("ws_%04d", n), Plan: "pro"}
		if n%3 == 0 {
			w.SuspendedReason = "unpaid"
			want = append(want, w.ID)
		}
		require.NoError(t, d.store.CreateWorkspace(t.Context(), by, &w))
	}
	for _, limit := range []int{1, 7, 50, 200} {
		var got []string
		for after := ""; ; {
			answer, refused := d.ask(t, "GET", "/workspaces", fmt.Sprintf("suspended=true&limit=%d&after=%s", limit, after), "")
			if after == "" {
				answer, refused = d.ask(t, "GET", "/workspaces", fmt.Sprintf("suspended=true&limit=%d", limit), "")
			}
			ids := strings.Fields(listed(t, answer, refused))
			require.LessOrEqual(t, len(ids), limit)
			got = append(got, ids...)
			if answer.Pagination.Next == nil {
				break
			}
			after = *answer.Pagination.Next
		}
		require.Equal(t, want, got, "limit %d", limit)
	}
}

// TestWhoMayManageWorkspaces: managing keys, of all workspaces too, is not managing workspaces.
func TestWhoMayManageWorkspaces(t *testing.T) {
	requests := map[string][]string{
		"read":  {"GET /workspaces", "GET /workspaces/ws_acme", "GET /workspaces/ws_acme/history"},
		"write": {"DELETE /workspaces/ws_acme", "POST /workspaces/ws_acme/suspend", "POST /workspaces/ws_acme/resume"},
	}
	for held, may := range map[record.Scope]string{
		"tollgate.admin.*": "read write", "tollgate.admin.workspaces.*": "read write", "tollgate.*": "read write",
		"tollgate.admin.workspaces.read": "read", "tollgate.admin.workspaces.write": "write",
		"tollgate.admin.read": "", "tollgate.admin.write": "", "tollgate.keys.*": "", "*": "", "agent.*": "",
	} {
		for action, list := range requests {
			for _, request := range list {
				t.Run(string(held)+"/"+request, func(t *testing.T) {
					d := newOffice(t, held)
					method, path, _ := strings.Cut(request, " ")
					body := ""
					if strings.HasSuffix(path, "suspend") {
						body = `{"reason":"x"}`
					}
					_, refused := d.ask(t, method, path, "", body)
					if strings.Contains(may, action) {
						require.Nil(t, refused)
						return
					}
					require.Equal(t, refusal.HandlerForbidden, refused.Kind)
					require.Equal(t, map[string]any{"missing_scopes": []string{"tollgate.admin.workspaces." + action}}, refused.Details)
					acme, err := d.store.Workspace(t.Context(), "ws_acme")
					require.NoError(t, err)
					require.False(t, acme.Suspended())
				})
			}
		}
	}
}

func TestMistakesAboutWorkspaces(t *testing.T) {
	d := newOffice(t, "tollgate.admin.*")
	for name, c := range map[string]struct {
		method, path, query, body string
		status                    int
		field, says               string
	}{
		"suspended without a reason":       {"POST", "/workspaces/ws_acme/suspend", "", `{}`, 400, "reason", "is missing"},
		"suspended with an empty reason":   {"POST", "/workspaces/ws_acme/suspend", "", `{"reason":""}`, 400, "reason", "has 0 characters"},
		"suspended for a number":           {"POST", "/workspaces/ws_acme/suspend", "", `{"reason":7}`, 400, "reason", "must be a string"},
		"a reason that moves the cursor":   {"POST", "/workspaces/ws_acme/suspend", "", `{"reason":"a\u001b[2J"}`, 400, "reason", "unprintable"},
		"a long reason":                    {"POST", "/workspaces/ws_acme/suspend", "", `{"reason":"` + strings.Repeat("x", 201) + `"}`, 400, "reason", "201 characters"},
		"an unknown field":                 {"POST", "/workspaces/ws_acme/suspend", "", `{"reason":"x","until":"y"}`, 400, "until", "is not known here"},
		"resumed with a reason":            {"POST", "/workspaces/ws_acme/resume", "", `{"reason":"x"}`, 400, "reason", "is not known here"},
		"its own workspace suspended":      {"POST", "/workspaces/ws/suspend", "", `{"reason":"x"}`, 400, "workspace", "is that of the key that asks"},
		"its own workspace deleted":        {"DELETE", "/workspaces/ws", "", "", 400, "workspace", "is that of the key that asks"},
		"a query where none is read":       {"DELETE", "/workspaces/ws_acme", "yes=1", "", 400, "query", "must be empty here"},
		"a parameter nobody knows":         {"GET", "/workspaces", "state=x", "", 400, "state", "is not known here"},
		"suspended neither true nor false": {"GET", "/workspaces", "suspended=1", "", 400, "suspended", "must be true or false"},
		"a parameter twice":                {"GET", "/workspaces", "plan=a&plan=b", "", 400, "plan", "is given twice"},
		"a page too large":                 {"GET", "/workspaces", "limit=201", "", 400, "limit", "from 1 to 200"},
		"no such workspace":                {"GET", "/workspaces/ws_none", "", "", 404, "", ""},
		"no such workspace to suspend":     {"POST", "/workspaces/ws_none/suspend", "", `{"reason":"x"}`, 404, "", ""},
		"no such workspace to delete":      {"DELETE", "/workspaces/ws_none", "", "", 404, "", ""},
		"no such workspace's history":      {"GET", "/workspaces/ws_none/history", "", "", 404, "", ""},
		"an id that is none":               {"DELETE", "/workspaces/a b", "", "", 404, "", ""},
		"a list to be deleted":             {"DELETE", "/workspaces", "", "", 404, "", ""},
		"an empty id":                      {"DELETE", "/workspaces/", "", "", 404, "", ""},
		"one segment more":                 {"POST", "/workspaces/ws_acme/suspend/x", "", `{"reason":"x"}`, 404, "", ""},
		"rotated like a key":               {"POST", "/workspaces/rotate", "", "", 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, refused := d.ask(t, c.method, c.path, c.query, c.body)
			require.NotNil(t, refused)
			require.Equal(t, c.status, refused.StatusCode())
			if c.field != "" {
				require.Contains(t, refused.Details[c.field], c.says)
			}
			acme, err := d.store.Workspace(t.Context(), "ws_acme")
			require.NoError(t, err)
			require.False(t, acme.Suspended())
		})
	}
}

// TestNoKeyTakesThePlaceOfTheWorkspaces.
func TestNoKeyTakesThePlaceOfTheWorkspaces(t *testing.T) {
	d := newDesk(t)
	err := d.store.CreateKeys(t.Context(), by, "ws", []keystore.NewKey{{Key: record.Key{ID: "workspaces"}, Sum: record.SumOf("x")}})
	require.EqualError(t, err, `key id "workspaces" is taken: over HTTP something else stands there; write another`)
	require.ErrorIs(t, err, keystore.ErrInvalid)
}

// TestTheStoreIsAskedAboutWhoDeletes: what the gate knew of the caller may be outdated.
func TestTheStoreIsAskedAboutWhoDeletes(t *testing.T) {
	for what, change := range map[string]func(*testing.T, *desk){
		"revoked": func(t *testing.T, d *desk) { d.alter(t, "key_caller", revoked) },
		"demoted": func(t *testing.T, d *desk) {
			d.alter(t, "key_caller", func(k *record.Key) { k.Scopes = scopes("tollgate.admin.read", "tollgate.admin.write") })
		},
		"suspended": func(t *testing.T, d *desk) {
			_, err := d.store.UpdateWorkspace(t.Context(), by, "ws", keystore.Suspend("unpaid", time.Now()))
			require.NoError(t, err)
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := newOffice(t, "tollgate.admin.*")
			d.beforeConfirm = func(int) { change(t, d) }
			_, refused := d.ask(t, "DELETE", "/workspaces/ws_acme", "", "")
			require.NotNil(t, refused)
			require.NotContains(t, string(refused.JSON()), "unpaid")
			_, err := d.store.Workspace(t.Context(), "ws_acme")
			require.NoError(t, err)
		})
	}
}
