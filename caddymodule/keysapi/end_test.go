package keysapi

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// TestAKeyMadeWithoutAnEndEndsWithItsMaker: it need not ask for what it could not get otherwise.
func TestAKeyMadeWithoutAnEndEndsWithItsMaker(t *testing.T) {
	for name, body := range map[string]string{"no body": "", "not given": `{"scopes":["agent.read"]}`, "null": `{"expires_at":null}`} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, "tollgate.keys.*", "agent.*")
			answer, refused := d.ask(t, "POST", "", "", body)
			require.Nil(t, refused)
			require.Nil(t, answer.Data.(*View).ExpiresAt, "a maker without an end gives none")

			end := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
			d.alter(t, "key_caller", func(k *record.Key) { k.ExpiresAt = end })
			answer, refused = d.ask(t, "POST", "", "", body)
			require.Nil(t, refused)
			require.Equal(t, end, *answer.Data.(*View).ExpiresAt, "the answer says so")
			stored, err := d.store.Key(t.Context(), answer.Data.(*View).ID)
			require.NoError(t, err)
			require.Equal(t, end, stored.ExpiresAt)

			_, err = d.store.RotateKey(t.Context(), by, "key_caller", record.SumOf("another-secret-of-the-caller"), time.Minute)
			require.NoError(t, err)
			answer, refused = d.ask(t, "POST", "", "", body)
			require.Nil(t, refused)
			require.WithinDuration(t, time.Now().Add(time.Minute), *answer.Data.(*View).ExpiresAt, 30*time.Second, "a secret that was rotated away gives no more than it has")
		})
	}
	t.Run("its end moved while the body was on its way", func(t *testing.T) {
		d := newDesk(t, "tollgate.keys.*", "agent.*")
		d.beforeConfirm = func(n int) {
			d.alter(t, "key_caller", func(k *record.Key) { k.ExpiresAt = time.Now().Add(time.Hour / time.Duration(n)) })
		}
		answer, refused := d.ask(t, "POST", "", "", "")
		require.NotNil(t, refused, "its second end is earlier than the one that was given")
		require.Nil(t, answer)
		d.beforeConfirm = nil
		require.True(t, slices.ContainsFunc(d.keys(t), func(k *keystore.Key) bool { return !k.RevokedAt.IsZero() }), "and what was made is revoked")
	})
}
