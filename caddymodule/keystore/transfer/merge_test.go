package transfer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// keyWith is a key with these secrets, by name, and what change makes of it.
func keyWith(secrets []string, change func(*keystore.MovedKey)) *keystore.MovedKey {
	k := &keystore.MovedKey{Workspace: "ws", Key: record.Key{ID: "key", Name: "n", CreatedAt: made}}
	for _, s := range secrets {
		k.Secrets = append(k.Secrets, keystore.MovedSecret{Sum: record.SumOf(s)})
	}
	if change != nil {
		change(k)
	}
	return k
}

// TestTheStricterWins on either side, and nothing strict is ever taken back.
func TestTheStricterWins(t *testing.T) {
	t.Parallel()
	one := []string{"a"}
	late, soon := made.Add(2*time.Hour), made.Add(time.Hour)
	revoked := func(k *keystore.MovedKey) { k.RevokedAt = made }
	disabled := func(k *keystore.MovedKey) { k.Disabled = true }
	ends := func(at time.Time) func(*keystore.MovedKey) { return func(k *keystore.MovedKey) { k.ExpiresAt = at } }
	secretEnds := func(at time.Time) func(*keystore.MovedKey) {
		return func(k *keystore.MovedKey) { k.Secrets[0].ExpiresAt = at }
	}
	for name, c := range map[string]struct {
		here, in         *keystore.MovedKey
		changed, differs []string
		check            func(*testing.T, *KeyChange)
	}{
		"the same":          {keyWith(one, nil), keyWith(one, nil), nil, nil, nil},
		"revoked here":      {keyWith(one, revoked), keyWith([]string{"a", "b"}, disabled), nil, nil, nil},
		"revoked there":     {keyWith(one, nil), keyWith(one, revoked), []string{"revoked"}, nil, func(t *testing.T, c *KeyChange) { require.Equal(t, made, c.To.RevokedAt) }},
		"disabled here":     {keyWith(one, disabled), keyWith(one, nil), nil, []string{"disabled"}, nil},
		"disabled there":    {keyWith(one, nil), keyWith(one, disabled), []string{"disabled"}, nil, func(t *testing.T, c *KeyChange) { require.True(t, c.To.Disabled) }},
		"ends here":         {keyWith(one, ends(soon)), keyWith(one, nil), nil, []string{"expires_at"}, nil},
		"ends here earlier": {keyWith(one, ends(soon)), keyWith(one, ends(late)), nil, []string{"expires_at"}, nil},
		"ends there": {keyWith(one, ends(late)), keyWith(one, ends(soon)), []string{"ends earlier"}, nil,
			func(t *testing.T, c *KeyChange) { require.Equal(t, soon, c.To.ExpiresAt) }},
		"a secret ends here": {keyWith(one, secretEnds(soon)), keyWith(one, nil), nil, nil, nil},
		"a secret ends there": {keyWith(one, nil), keyWith(one, secretEnds(soon)), []string{"secrets that end earlier: 1"}, nil,
			func(t *testing.T, c *KeyChange) {
				require.Equal(t, map[record.Sum]time.Time{record.SumOf("a"): soon}, c.Ends)
			}},
		"a new secret": {keyWith(one, nil), keyWith([]string{"a", "b"}, nil), []string{"secrets added: 1"}, nil,
			func(t *testing.T, c *KeyChange) { require.Equal(t, record.SumOf("b"), c.New[0].Sum) }},
		"an old secret that is not there": {keyWith([]string{"a", "b"}, nil), keyWith([]string{"b"}, nil), nil, nil, nil},
		"other limits":                    {keyWith(one, nil), keyWith(one, func(k *keystore.MovedKey) { k.Limits = []record.Window{{Limit: 5, Duration: time.Minute}} }), nil, []string{"limits"}, nil},
		"another name, more scopes": {keyWith(one, nil), keyWith(one, func(k *keystore.MovedKey) { k.Name, k.Scopes = "m", []record.Scope{"*"} }), nil, []string{"name", "scopes"},
			func(t *testing.T, c *KeyChange) { require.Empty(t, c.To.Scopes) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change, err := MergeKey(c.here, c.in, made)
			require.NoError(t, err)
			require.Equal(t, c.changed, change.Changed)
			require.Equal(t, c.differs, change.Differs)
			if c.check == nil {
				require.Equal(t, c.here.Key, change.To)
				require.Empty(t, change.New)
				require.Empty(t, change.Ends)
				return
			}
			c.check(t, change)
		})
	}
}

func TestWhatCannotBeOneKey(t *testing.T) {
	t.Parallel()
	many := make([]string, keystore.MaxSecrets)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, c := range map[string]struct {
		here, in *keystore.MovedKey
		want     string
	}{
		"another workspace": {keyWith([]string{"a"}, nil), keyWith([]string{"a"}, func(k *keystore.MovedKey) { k.Workspace = "ws_2" }), "belongs to workspace ws here, and to ws_2"},
		"other secrets":     {keyWith([]string{"a"}, nil), keyWith([]string{"b"}, nil), "they are two keys of one id"},
		"too many secrets":  {keyWith(many, nil), keyWith([]string{"0", "b"}, nil), "would have 9 secrets that work"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			t.Parallel()
			_, err := MergeKey(c.here, c.in, made)
			require.ErrorContains(t, err, c.want)
		})
	}
}
