package caddymodule_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNumbersOfBehaviours: BEHAVIOURS.md and the tests name the same numbers, so that a red test leads to its promise, and a
// promise to its test.
func TestNumbersOfBehaviours(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("BEHAVIOURS.md")
	require.NoError(t, err)
	promised := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-F]\d\d[a-z]?) \|`).FindAllStringSubmatch(string(text), -1) {
		require.False(t, promised[row[1]], "%s stands twice", row[1])
		promised[row[1]] = true
	}
	require.NotEmpty(t, promised)
	number := regexp.MustCompile(`\b[A-F]\d\d[a-z]?\b`)
	tested := map[string]string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range number.FindAllString(string(source), -1) {
			tested[found] = path
		}
		return err
	}))
	for one := range promised {
		require.Contains(t, tested, one, "no test names this behaviour")
	}
	label := regexp.MustCompile(`"([A-F]\d\d[a-z]?)(/| )`)
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range label.FindAllStringSubmatch(string(source), -1) {
			require.True(t, promised[found[1]], "%s names %s, which BEHAVIOURS.md does not have", path, found[1])
		}
		return err
	}))
}
