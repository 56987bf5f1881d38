// Package harness runs a real gateway for tests: Caddy in the test's process, loaded from a Caddyfile, in front of a real
// backend on loopback that records what it saw. It speaks HTTP/1.1, HTTP/2, HTTP/3 and raw bytes to it.
//
// Caddy's state is one per process: a test that starts a gateway does not run in parallel with another that does.
package harness

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/require"

	_ "github.com/caddyserver/caddy/v2/modules/standard" // the modules that test Caddyfiles use

	_ "github.com/tollgate-gateway/tollgate/caddymodule"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// Setup is a gateway as a test describes it. Every field may be empty. In all of them $BACKEND is the backend's address,
// $DIR the gateway's folder, $PORT its port and $TLS its port for HTTPS; $SHA(secret) is a secret's SHA-256.
type Setup struct {
	// Keys is the text of $DIR/keys.yaml, which the option "keys file" names unless Options does otherwise.
	Keys string
	// Options are lines of the global tollgate block.
	Options string
	// Global are lines of the global options beside it.
	Global string
	// Servers are lines of the global servers block.
	Servers string
	// Gate are lines of the site's tollgate block.
	Gate string
	// Before are the site's other directives.
	Before string
	// Then is what stands behind the gate. Default: reverse_proxy $BACKEND
	Then string
	// HTTPS serves HTTP/2 over TLS and HTTP/3 as well, on $TLS.
	HTTPS bool
}

// Gateway is a running gateway with its backend. It stops with its test.
type Gateway struct {
	// Backend is what stands behind it.
	Backend *Backend
	// Dir is its folder: keys.yaml, caddy.log (at debug level), access.log.
	Dir string
	// Addr and TLSAddr are its addresses on loopback.
	Addr, TLSAddr string

	replace *strings.Replacer
	clients clients
}

// Start runs a gateway from a setup.
func Start(t testing.TB, s Setup) *Gateway {
	t.Helper()
	g := New(t)
	g.WriteFile(t, "keys.yaml", s.Keys)
	require.NoError(t, g.Load(s.Caddyfile()))
	if s.HTTPS {
		g.AwaitCertificate(t)
	}
	return g
}

// AwaitCertificate waits until the gateway has made itself a certificate, which it does in the background.
func (g *Gateway) AwaitCertificate(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := tls.Dial("tcp", g.TLSAddr, trust())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, "the gateway's certificate")
}

// New gives a gateway that is not yet running, for tests that write their own Caddyfile.
func New(t testing.TB) *Gateway {
	t.Helper()
	g := &Gateway{Backend: NewBackend(t), Dir: t.TempDir()}
	port, tlsPort := strconv.Itoa(services.FreePort(t)), strconv.Itoa(services.FreePort(t))
	g.Addr, g.TLSAddr = "127.0.0.1:"+port, "127.0.0.1:"+tlsPort
	g.replace = strings.NewReplacer("$BACKEND", g.Backend.Addr, "$DIR", g.Dir, "$PORT", port, "$TLS", tlsPort)
	t.Cleanup(func() {
		g.clients.close()
		require.NoError(t, caddy.Stop())
	})
	return g
}

// Caddyfile composes the setup's Caddyfile.
func (s Setup) Caddyfile() string {
	options := s.Options
	if !strings.Contains(options, "keys ") {
		options = "keys file $DIR/keys.yaml\n" + options
	}
	then := s.Then
	if then == "" {
		then = "reverse_proxy $BACKEND"
	}
	sites := "http://:$PORT"
	if s.HTTPS {
		sites += ", https://localhost:$TLS, https://127.0.0.1:$TLS"
	}
	return fmt.Sprintf(`{
	admin off
	persist_config off
	grace_period 5s
	local_certs
	skip_install_trust
	auto_https disable_redirects
	storage file_system $DIR/storage
	log default {
		output file $DIR/caddy.log {
			roll_disabled
		}
		level DEBUG
	}
	servers {
		protocols h1 h2 h2c h3
		%s
	}
	%s
	tollgate {
		%s
	}
}
%s {
	log {
		output file $DIR/access.log {
			roll_disabled
		}
	}
	%s
	tollgate {
		%s
	}
	%s
}
`, s.Servers, s.Global, options, sites, s.Before, s.Gate, then)
}

// Adapt gives the JSON of a Caddyfile, whose folder is g.Dir.
func (g *Gateway) Adapt(text string) ([]byte, error) {
	config, err := Adapt(withTransport(g.replace.Replace(text)), filepath.Join(g.Dir, "Caddyfile"))
	if err == nil {
		err = checkTransport(config)
	}
	return config, err
}

// Adapt gives the JSON of a Caddyfile that is said to lie at filename.
func Adapt(text, filename string) ([]byte, error) {
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": filename})
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			return nil, fmt.Errorf("unexpected warning: %s", w)
		}
	}
	return config, nil
}

// hashed is how a keys file of a test names a secret.
var hashed = regexp.MustCompile(`\$SHA\(([^)]*)\)`)

// Stop ends the gateway before its test does.
func (g *Gateway) Stop(t testing.TB) {
	t.Helper()
	require.NoError(t, caddy.Stop())
}

// WriteFile puts a file into the gateway's folder, whole: it is renamed into place.
func (g *Gateway) WriteFile(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(g.Dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	text = hashed.ReplaceAllStringFunc(g.replace.Replace(text), func(match string) string {
		sum := sha256.Sum256([]byte(hashed.FindStringSubmatch(match)[1]))
		return hex.EncodeToString(sum[:])
	})
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// ReadFile reads a file of the gateway's folder.
func (g *Gateway) ReadFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.Dir, name))
	require.NoError(t, err)
	return string(text)
}
