package apikey_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
)

func secret(t testing.TB) string {
	t.Helper()
	s, err := apikey.New("tg")
	require.NoError(t, err)
	return s
}

// scanned is what Scan finds in a file of the content.
func scanned(t testing.TB, content string) []apikey.Found {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	var all []apikey.Found
	unread, err := apikey.Scan(path, "tg", func(f apikey.Found) error {
		require.Equal(t, path, f.Path)
		f.Path = ""
		all = append(all, f)
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, unread)
	return all
}

func TestScanFindsSecretsWhereverTheyStand(t *testing.T) {
	one, two := secret(t), secret(t)
	at := func(line int, secret string) apikey.Found { return apikey.Found{Line: line, Secret: secret} }
	for _, test := range []struct {
		name, content string
		want          []apikey.Found
	}{
		{"nothing in an empty file", "", nil},
		{"a file that is the secret", one, []apikey.Found{at(1, one)}},
		{"in code", "x\n\nkey = \"" + one + "\"\n", []apikey.Found{at(3, one)}},
		{"two in a line", one + one + "," + two, []apikey.Found{at(1, one), at(1, one), at(1, two)}},
		{"glued to other text", "xtg_tg_" + one + "zz", []apikey.Found{at(1, one)}},
		{"among binary bytes", "\x00\xff" + one + "\x00", []apikey.Found{at(1, one)}},
		{"Windows line ends", "a\r\nb\r\n" + one + "\r\n", []apikey.Found{at(3, one)}},
		{"UTF-16, little-endian", wide("a\r\n"+one+"\r\nß"+two, binary.LittleEndian), []apikey.Found{at(2, one), at(3, two)}},
		{"UTF-16, big-endian", wide("a\n"+one, binary.BigEndian), []apikey.Found{at(2, one)}},
		{"not with a wrong checksum", one[:len(one)-1] + "!", nil},
		{"not cut short", one[:len(one)-1], nil},
		{"not with another prefix", "xx" + one[2:], nil},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, scanned(t, test.content)) })
	}
}

// wide is the text in UTF-16, with the mark that begins such files.
func wide(text string, order binary.AppendByteOrder) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		encoded = order.AppendUint16(encoded, unit)
	}
	return string(encoded)
}

func TestScanFindsWideSecretsAcrossBlocks(t *testing.T) {
	one := secret(t)
	for shift := range 3 * len(one) {
		padding := strings.Repeat("y", (32<<10)-2*len(one)+shift)
		require.Equal(t, []apikey.Found{{Line: 2, Secret: one}}, scanned(t, wide(padding+"\n"+one+padding, binary.LittleEndian)), shift)
	}
}

func TestScanFindsSecretsAcrossBlocks(t *testing.T) {
	one, two := secret(t), secret(t)
	for shift := range 2 * len(one) {
		padding := strings.Repeat("tg_x\n", ((64<<10)-2*len(one))/5) + strings.Repeat("\n", shift)
		found := scanned(t, padding+one+"\n"+two+strings.Repeat("y", 70<<10)+"\n"+one)
		require.Len(t, found, 3, shift)
		line := strings.Count(padding, "\n") + 1
		require.Equal(t, []apikey.Found{{Line: line, Secret: one}, {Line: line + 1, Secret: two}, {Line: line + 2, Secret: one}}, found)
	}
}

func TestScanWalksAFolder(t *testing.T) {
	dir := t.TempDir()
	one := secret(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".git", "deep"), 0o700))
	hidden := filepath.Join(dir, ".git", "deep", "config")
	require.NoError(t, os.WriteFile(hidden, []byte(one), 0o600))
	require.NoError(t, os.Symlink(".git", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("/nowhere", filepath.Join(dir, "broken")))
	var paths []string
	collect := func(f apikey.Found) error { paths = append(paths, f.Path); return nil }
	unread, err := apikey.Scan(dir, "tg", collect)
	require.NoError(t, err)
	require.Empty(t, unread)
	require.Equal(t, []string{hidden}, paths, "hidden folders too, links not: each file once")

	_, err = apikey.Scan(filepath.Join(dir, "missing"), "tg", collect)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = apikey.Scan(dir, "bad prefix", collect)
	require.Error(t, err)
	stop := errors.New("enough")
	_, err = apikey.Scan(dir, "tg", func(apikey.Found) error { return stop })
	require.ErrorIs(t, err, stop)
}
