// Package shipped runs the Caddyfiles of the repository as they are shipped, for tests: on a free port, with keys from a
// file, in front of a test's own backend. Nothing else is changed but what a test says.
package shipped

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	_ "github.com/tollgate-gateway/tollgate/caddymodule" // what the Caddyfiles configure
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// Setup is a gateway in front of a backend, as a test describes it.
type Setup struct {
	// Caddyfile is the file's path. A folder "policies" beside it is used as well.
	Caddyfile string
	// Backend is what stands behind the gateway. The harness's own backend sees each of its requests too, without
	// the body, so that tests can count them.
	Backend http.Handler
	// Keys is the text of the keys file, in the harness's form.
	Keys string
	// Files are others of the gateway's folder, by name.
	Files map[string]string
	// Options are more lines of the global tollgate block.
	Options string
	// Changes are pairs of words, what stands in the file and what the test puts there. Each must stand there once.
	Changes []string
}

// global are the global options of a gateway in a test: no admin port, nothing outside its folder, everything logged.
const global = `
	admin off
	persist_config off
	storage file_system $DIR/storage
	storage_check off
	storage_clean_interval off
	grace_period 5s
	metrics
	log default {
		output file $DIR/caddy.log {
			roll_disabled
		}
		level DEBUG
	}
`

var upstream = regexp.MustCompile(`reverse_proxy localhost:\d+ `)

// Start runs the gateway. It stops with its test, which fails if anything of the gateway goes on then.
func Start(t testing.TB, s Setup) *harness.Gateway {
	t.Helper()
	awaitEnd(t)
	g := harness.New(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := r.Clone(r.Context())
		seen.Body = http.NoBody
		g.Backend.ServeHTTP(httptest.NewRecorder(), seen)
		s.Backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.WriteFile(t, "keys.yaml", s.Keys)
	for name, text := range s.Files {
		g.WriteFile(t, name, text)
	}
	copyPolicies(t, filepath.Join(filepath.Dir(s.Caddyfile), "policies"), filepath.Join(g.Dir, "policies"))

	content, err := os.ReadFile(s.Caddyfile)
	require.NoError(t, err)
	address := strings.TrimPrefix(server.URL, "http://")
	text := string(content)
	require.Len(t, upstream.FindAllString(text, -1), 1, "one backend")
	text = upstream.ReplaceAllString(text, "reverse_proxy "+address+" ")
	log := []string{"\n:$PORT {\n\tbind 127.0.0.1\n", "\n:$PORT {\n\tbind 127.0.0.1\n\tlog\n"} // one without an access log gets one
	if strings.Contains(text, "\n\tlog {\n") {
		log = []string{"\n\tlog {\n", "\n\tlog {\n\t\toutput file $DIR/caddy.log {\n\t\t\troll_disabled\n\t\t}\n"}
	}
	for _, change := range append([][]string{
		{"\n{\n\ttollgate {\n", "\n{\n" + global + "\ttollgate {\n" + s.Options + "\n"},
		{"\n\t\tkeys sqlite tollgate.db\n", "\n\t\tkeys file keys.yaml\n"},
		{"\n:8080 {\n", "\n:$PORT {\n\tbind 127.0.0.1\n"},
		log,
	}, pairs(s.Changes)...) {
		require.Equal(t, 1, strings.Count(text, change[0]), "the Caddyfile says %q", change[0])
		text = strings.Replace(text, change[0], change[1], 1)
	}
	require.NoError(t, g.Load(text))
	return g
}

func pairs(words []string) (all [][]string) {
	for i := 0; i+1 < len(words); i += 2 {
		all = append(all, words[i:i+2])
	}
	return all
}

// awaitEnd waits at the end of the test for what a gateway that was stopped still does, such as closing connections.
func awaitEnd(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return goleak.Find(before) == nil }, 20*time.Second, 10*time.Millisecond, "everything of the gateway ends with it")
	})
}

// copyPolicies copies what the gateway judges by of a folder of policies, if there is one. Their own tests, which it would
// run at every load, are run once where the policies are.
func copyPolicies(t testing.TB, from, to string) {
	t.Helper()
	if _, err := os.Stat(from); err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
		return
	}
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	require.NoError(t, filepath.WalkDir(to, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.rego") {
			return os.Remove(path)
		}
		return err
	}))
}
