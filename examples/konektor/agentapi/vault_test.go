package agentapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsSealedOpensInItsPlaceOnly(t *testing.T) {
	v, err := newVault(GenerateKey())
	require.NoError(t, err)
	sealed := v.seal([]byte("Ana"), place("ws_a", "1", "person"))
	plain, err := v.open(sealed, place("ws_a", "1", "person"))
	require.NoError(t, err)
	require.Equal(t, "Ana", string(plain))
	for name, other := range map[string][]byte{"another workspace": place("ws_b", "1", "person"), "another row": place("ws_a", "2", "person"),
		"another column": place("ws_a", "1", "notes"), "shifted names": place("ws_a1", "", "person")} {
		_, err := v.open(sealed, other)
		require.Error(t, err, name)
	}
	for i := range sealed {
		changed := append([]byte{}, sealed...)
		changed[i] ^= 1
		_, err := v.open(changed, place("ws_a", "1", "person"))
		require.Error(t, err, "byte %d", i)
	}
	require.NotEqual(t, sealed, v.seal([]byte("Ana"), place("ws_a", "1", "person")), "each sealing has its own nonce")
}

func TestBlindIndexesTellNothingAcrossWorkspacesColumnsAndKeys(t *testing.T) {
	v, err := newVault(GenerateKey())
	require.NoError(t, err)
	other, err := newVault(GenerateKey())
	require.NoError(t, err)
	index := v.blindIndex("ws_a", "phone", "5550100")
	require.Equal(t, index, v.blindIndex("ws_a", "phone", "5550100"))
	for name, different := range map[string][]byte{"workspace": v.blindIndex("ws_b", "phone", "5550100"), "column": v.blindIndex("ws_a", "email", "5550100"),
		"key": other.blindIndex("ws_a", "phone", "5550100"), "value": v.blindIndex("ws_a", "phone", "5550101")} {
		require.NotEqual(t, index, different, name)
	}
	require.Nil(t, v.blindIndex("ws_a", "phone", ""), "no value is not a value to be found by")
}
