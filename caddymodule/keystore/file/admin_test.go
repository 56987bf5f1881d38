package file_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestCommandsReadTheFile(t *testing.T) {
	s, _, _ := opened(t, keys("500/1m"))
	var admin keystore.Admin = s
	workspace, err := admin.Workspace(t.Context(), "ws_acme")
	require.NoError(t, err)
	require.Equal(t, "pro", workspace.Plan)
	_, err = admin.Workspace(t.Context(), "ws_none")
	require.ErrorIs(t, err, keystore.ErrNotFound)

	first, err := admin.Workspaces(t.Context(), "", 1)
	require.NoError(t, err)
	require.Len(t, first, 1)
	rest, err := admin.Workspaces(t.Context(), first[0].ID, 10)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Equal(t, "ws_other", rest[0].ID)

	key, err := admin.Key(t.Context(), "key_crm")
	require.NoError(t, err)
	require.Equal(t, "ws_acme", key.Workspace)
	require.Equal(t, []record.Scope{"agent.leads.*"}, key.Scopes)
	_, err = admin.Key(t.Context(), "key_none")
	require.ErrorIs(t, err, keystore.ErrNotFound)

	all, err := admin.Keys(t.Context(), "", "", 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	behind, err := admin.Keys(t.Context(), "", all[0].ID, 10)
	require.NoError(t, err)
	require.Equal(t, "key_mail", behind[0].ID)
	mine, err := admin.Keys(t.Context(), "ws_other", "", 10)
	require.NoError(t, err)
	require.Len(t, mine, 1)
	_, err = admin.Keys(t.Context(), "ws_none", "", 10)
	require.ErrorIs(t, err, keystore.ErrNotFound)
}

func TestCommandsThatWriteAreToldToEditTheFile(t *testing.T) {
	s, path, _ := opened(t, keys("500/1m"))
	ctx, act := t.Context(), storetest.Act
	workspace := func(*record.Workspace) error { return nil }
	key := func(*record.Key) error { return nil }
	_, set := s.UpdateWorkspace(ctx, act, "ws_acme", workspace)
	_, update := s.UpdateKey(ctx, act, "key_crm", key)
	_, rotate := s.RotateKey(ctx, act, "key_crm", record.SumOf("x"), time.Hour)
	for _, err := range []error{
		set, update, rotate,
		s.CreateWorkspace(ctx, act, &record.Workspace{ID: "w", Plan: "p"}),
		s.CreateKeys(ctx, act, "ws_acme", []keystore.NewKey{{Key: record.Key{ID: "k"}}}),
	} {
		require.ErrorIs(t, err, keystore.ErrReadOnly)
		require.ErrorContains(t, err, path)
	}
}
