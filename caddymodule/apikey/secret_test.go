package apikey_test

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
)

func TestNewSecretsHaveTheirShape(t *testing.T) {
	shape := regexp.MustCompile(`^tg_[0-9A-Za-z]{40}$`)
	seen := map[string]bool{}
	for range 1000 {
		secret, err := apikey.New("tg")
		require.NoError(t, err)
		require.Regexp(t, shape, secret)
		require.Len(t, secret, apikey.Length("tg"))
		require.NoError(t, apikey.CheckToken(secret))
		require.True(t, apikey.Check("tg", secret))
		require.False(t, seen[secret], "no secret comes twice")
		seen[secret] = true
	}
}

func TestSecretsCarryAtLeast200Bits(t *testing.T) {
	randomCharacters := apikey.Length("") - 1 - 6
	require.GreaterOrEqual(t, float64(randomCharacters)*math.Log2(62), 200.0)
}

func TestEveryCharacterIsEquallyLikely(t *testing.T) {
	counts := map[rune]int{}
	const secrets = 5000
	for range secrets {
		secret, err := apikey.New("tg")
		require.NoError(t, err)
		for _, r := range secret[3 : len(secret)-6] {
			counts[r]++
		}
	}
	require.Len(t, counts, 62)
	expected := float64(secrets*34) / 62
	for r, n := range counts {
		// Eight standard deviations: a fair source fails this once in 10¹⁴ runs; modulo bias of 256 % 62 is 25 %.
		require.InDelta(t, expected, float64(n), 8*math.Sqrt(expected), "character %c", r)
	}
}

func TestCheck(t *testing.T) {
	secret, err := apikey.New("tg")
	require.NoError(t, err)
	t.Run("refuses any single changed character", func(t *testing.T) {
		for i := 3; i < len(secret); i++ {
			for _, c := range "0Az9_-!" {
				if byte(c) == secret[i] {
					continue
				}
				changed := secret[:i] + string(c) + secret[i+1:]
				require.False(t, apikey.Check("tg", changed), changed)
			}
		}
	})
	t.Run("refuses our prefix with another length", func(t *testing.T) {
		require.False(t, apikey.Check("tg", secret[:len(secret)-1]))
		require.False(t, apikey.Check("tg", secret+"0"))
		require.False(t, apikey.Check("tg", "tg_"))
	})
	t.Run("binds the prefix", func(t *testing.T) {
		require.False(t, apikey.Check("tx", "tx"+secret[2:]), "the checksum covers the prefix")
	})
	t.Run("leaves other people's secrets to the store", func(t *testing.T) {
		for _, other := range []string{"", "t", "tg", "tgx_0123456789", "sk_live_0123456789", "TG_" + secret[3:], "tg-0123456789abcdef"} {
			require.True(t, apikey.Check("tg", other), other)
		}
	})
	t.Run("allocates nothing", func(t *testing.T) {
		require.Zero(t, testing.AllocsPerRun(100, func() { apikey.Check("tg", secret) }))
	})
}

// The checksum is part of the published format: scanners of other people compute it too.
func TestChecksumIsStandardCRC32InBase62(t *testing.T) {
	// zlib.crc32(b"tg_" + b"0" * 34) is 0xcd82ac5c, in base62 3lL0Um.
	zeros := "tg_" + strings.Repeat("0", 34)
	require.True(t, apikey.Check("tg", zeros+"3lL0Um"))
	require.False(t, apikey.Check("tg", zeros+"3lL0Un"))
}

func TestPrefix(t *testing.T) {
	for _, good := range []string{"tg", "T", "acme2", "abcdefghijklmnop"} {
		require.NoError(t, apikey.CheckPrefix(good), good)
	}
	for _, bad := range []string{"", "tg_", "t g", "tg-", "tü", "abcdefghijklmnopq", "tg\n"} {
		require.ErrorContains(t, apikey.CheckPrefix(bad), "1 to 16 letters and digits", bad)
		_, err := apikey.New(bad)
		require.Error(t, err, bad)
	}
}

func TestKeyIDs(t *testing.T) {
	require.Regexp(t, `^key_[0-9A-Za-z]{16}$`, apikey.NewID())
	require.NotEqual(t, apikey.NewID(), apikey.NewID())
}

func FuzzCheck(f *testing.F) {
	secret, _ := apikey.New("tg")
	f.Add(secret)
	f.Add("tg_")
	f.Add("other")
	f.Fuzz(func(t *testing.T, token string) {
		if !apikey.Check("tg", token) {
			require.True(t, strings.HasPrefix(token, "tg_"), "only our own prefix is refused unasked")
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	secret, _ := apikey.New("tg")
	b.ReportAllocs()
	for b.Loop() {
		apikey.Check("tg", secret)
	}
}
