package record

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "Z", "0", "ws_acme", "key.crm-1", "a..b", "a-", strings.Repeat("a", MaxIDLength)} {
		require.NoError(t, CheckID(id), id)
	}
	for id, reason := range map[string]string{
		"":                                   "an id is empty",
		strings.Repeat("a", MaxIDLength+1):   "has 65 characters: at most 64",
		strings.Repeat("é", MaxIDLength/2+1): "has 66 characters",
		".a":                                 "is not valid",
		"-a":                                 "is not valid",
		"_a":                                 "is not valid",
		"a b":                                "is not valid",
		"a/b":                                "is not valid",
		"../a":                               "is not valid",
		"a\n":                                "is not valid",
		"a\x00":                              "is not valid",
		"é":                                  "is not valid",
		"a:b":                                "is not valid",
		"{a}":                                "is not valid",
	} {
		require.ErrorContains(t, CheckID(id), reason, id)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "crm agent", "Jörg's key №1", "日本語", strings.Repeat("é", 64)} {
		require.NoError(t, CheckName(name), name)
	}
	for name, reason := range map[string]string{
		"":                      "has 0 characters",
		strings.Repeat("a", 65): "has 65 characters",
		"a\nb":                  "unprintable character U+000A",
		"a\tb":                  "unprintable character U+0009",
		"a\x00":                 "unprintable character U+0000",
		"a\u00a0b":              "unprintable character U+00A0",
		"a\u202eb":              "unprintable character U+202E", // text direction
		"a\u200bb":              "unprintable character U+200B",
		"\xff":                  "is not valid UTF-8",
	} {
		require.ErrorContains(t, CheckName(name), reason, name)
	}
}

func TestCheckReason(t *testing.T) {
	for _, reason := range []string{"x", "invoice 2026-117 unpaid since October", strings.Repeat("é", 200)} {
		require.NoError(t, CheckReason(reason), reason)
	}
	require.ErrorContains(t, CheckReason(""), `reason "" has 0 characters: write 1 to 200`)
	require.ErrorContains(t, CheckReason(strings.Repeat("a", 201)), "has 201 characters: write 1 to 200")
	require.ErrorContains(t, CheckReason("a\x1b[2Jb"), "unprintable character U+001B")
}
