package apikey_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
)

const key = "tg_0123456789abcdefghij"

func TestFromAuthorization(t *testing.T) {
	longest := strings.Repeat("k", apikey.MaxLength)
	for _, test := range []struct {
		name   string
		values []string
		bare   bool
		token  string
		given  bool
	}{
		{name: "A01 no header is not a token", values: nil},
		{name: "A02 an empty header is the same as none", values: []string{""}},
		{name: "A02 an empty header is none with bare_keys too", values: []string{""}, bare: true},
		{name: "A02 spaces only are not a token", values: []string{"   "}},
		{name: "A05 Bearer and a key is the key", values: []string{"Bearer " + key}, token: key, given: true},
		{name: "A06 the scheme is read in lower case", values: []string{"bearer " + key}, token: key, given: true},
		{name: "A06 the scheme is read in mixed case", values: []string{"bEaReR " + key}, token: key, given: true},
		{name: "A07 several spaces are as good as one", values: []string{"Bearer    " + key}, token: key, given: true},
		{name: "A07 a tab is not a separator", values: []string{"Bearer\t" + key}},
		{name: "A07 a tab after the space belongs to no token", values: []string{"Bearer \t" + key}, given: true},
		{name: "A07 a vertical tab is not a separator", values: []string{"Bearer\v" + key}},
		{name: "A07 a no-break space is not a separator", values: []string{"Bearer\u00a0" + key}},
		{name: "A07 nothing may follow the key, not even a space", values: []string{"Bearer " + key + " "}, given: true},
		{name: "A07 nothing may follow the key, not even a tab", values: []string{"Bearer " + key + "\t"}, given: true},
		{name: "A07 a space before the scheme is refused", values: []string{" Bearer " + key}},
		{name: "A08 a bare key is refused", values: []string{key}},
		{name: "A08 a bare key is taken with bare_keys", values: []string{key}, bare: true, token: key, given: true},
		{name: "A08 Bearer works with bare_keys too", values: []string{"Bearer " + key}, bare: true, token: key, given: true},
		{name: "A08 a short bare key is refused", values: []string{"short"}, bare: true, given: true},
		{name: "A09 Bearer alone is not a token", values: []string{"Bearer"}},
		{name: "A09 Bearer alone is not a bare key either", values: []string{"Bearer"}, bare: true},
		{name: "A09 Bearer and a space is not a token", values: []string{"Bearer "}},
		{name: "A10 two tokens are none", values: []string{"Bearer " + key + " extra"}, given: true},
		{name: "A10 two tokens are none with bare_keys too", values: []string{key + " extra"}, bare: true},
		{name: "A11 a colon after the scheme is another scheme", values: []string{"Bearer: " + key}},
		{name: "A12 Basic is refused", values: []string{"Basic " + key}},
		{name: "A12 Basic is refused with bare_keys too", values: []string{"Basic " + key}, bare: true},
		{name: "A12 an unknown scheme is refused", values: []string{"Something " + key}},
		{name: "A12 a longer scheme is not Bearer", values: []string{"Bearers " + key}},
		{name: "A13 of two equal headers none is taken", values: []string{"Bearer " + key, "Bearer " + key}, given: true},
		{name: "A13 of two headers none is taken, whichever is good", values: []string{"", "Bearer " + key}, given: true},
		{name: "A13 of two bare headers none is taken", values: []string{key, key}, bare: true, given: true},
		{name: "A13 a joined header is not a key", values: []string{"Bearer " + key + ", Bearer " + key}, given: true},
		{name: "15 characters are too short", values: []string{"Bearer 123456789012345"}, given: true},
		{name: "16 characters are enough", values: []string{"Bearer 1234567890123456"}, token: "1234567890123456", given: true},
		{name: "256 characters are not too long", values: []string{"Bearer " + longest}, token: longest, given: true},
		{name: "257 characters are too long", values: []string{"Bearer " + longest + "k"}, given: true},
		{name: "a control byte is refused", values: []string{"Bearer 12345678\x0090123456"}, given: true},
		{name: "DEL is refused", values: []string{"Bearer 12345678\x7f90123456"}, given: true},
		{name: "non-ASCII is refused", values: []string{"Bearer schlüssel-12345678"}, given: true},
		{name: "punctuation is visible ASCII", values: []string{"Bearer !\"#$%&'()*+,-./:"}, token: "!\"#$%&'()*+,-./:", given: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, given := apikey.FromAuthorization(test.values, test.bare)
			require.Equal(t, test.token, token)
			require.Equal(t, test.given, given)
		})
	}
}

func TestFromAuthorizationAllocatesNothing(t *testing.T) {
	for _, value := range []string{"Bearer " + key, "bearer   " + key, key, "Basic eDp5", ""} {
		values := []string{value}
		require.Zero(t, testing.AllocsPerRun(100, func() { apikey.FromAuthorization(values, true) }))
	}
}

func TestCheckTokenAgreesWithTheHeader(t *testing.T) {
	for _, secret := range []string{"", "short", key, "with a space in the middle", "tab\tinside the secret", strings.Repeat("x", 257), "grüße-grüße-grüße"} {
		token, _ := apikey.FromAuthorization([]string{"Bearer " + secret}, false)
		err := apikey.CheckToken(secret)
		require.Equal(t, token == secret && secret != "", err == nil, "%q: %v", secret, err)
		if err != nil && secret != "" {
			require.NotContains(t, err.Error(), secret, "an error never holds the secret")
		}
	}
}

func FuzzFromAuthorization(f *testing.F) {
	f.Add("Bearer "+key, false)
	f.Add(key, true)
	f.Add("Bearer  \t", true)
	f.Fuzz(func(t *testing.T, value string, bare bool) {
		token, given := apikey.FromAuthorization([]string{value}, bare)
		if token == "" {
			return
		}
		require.True(t, given)
		require.NoError(t, apikey.CheckToken(token))
		rest, bearer := strings.CutSuffix(value, token)
		require.True(t, bearer, "the token ends the header")
		if rest == "" {
			require.True(t, bare)
			return
		}
		require.True(t, strings.EqualFold(strings.TrimRight(rest, " "), "bearer"))
		require.True(t, strings.HasSuffix(rest, " "))
	})
}

func BenchmarkFromAuthorization(b *testing.B) {
	values := []string{"Bearer " + key}
	b.ReportAllocs()
	for b.Loop() {
		apikey.FromAuthorization(values, false)
	}
}
