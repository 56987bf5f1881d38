package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestRenewedCertificates: the site's are read by a forced reload, as is the address of PostgreSQL; its authority, at the start alone.
func TestRenewedCertificates(t *testing.T) {
	if !harness.Long() {
		t.Skip("this is a long form")
	}
	server := services.Postgres(t)
	g := newGateway(t, "\tauto_https disable_redirects\n\tskip_install_trust\n\ttollgate {\n\t\tkeys postgres {file.DSN}\n\t}", "")
	authority := newAuthority(t, g.dir)
	server.EnableTLS(authority.Certificate, authority.Key)
	address := server.Database() + "?sslmode=verify-full&sslrootcert=" + authority.Certificate
	dsn := g.write(t, "dsn", address)
	site := services.Address(services.FreePort(t))
	text, err := os.ReadFile(filepath.Join(g.dir, "Caddyfile"))
	require.NoError(t, err)
	g.write(t, "Caddyfile", strings.Replace(string(text), "{file.DSN}", "{file."+dsn+"}", 1)+fmt.Sprintf("https://%s {\n\ttls %s %s\n\trespond ok\n}\n", site, authority.Certificate, authority.Key))
	g.must(t, "workspace", "create", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m")
	_, inUse := g.newKey(t)
	_, other := g.newKey(t)
	g.start(t)
	t.Cleanup(func() { g.kill() })
	require.Eventually(t, func() bool { return g.status(inUse) == 200 }, waitFor, tick)
	shown := func() string {
		conn, err := tls.Dial("tcp", site, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	old := shown()

	renewed := newAuthority(t, g.dir) // the same files
	server.EnableTLS(renewed.Certificate, renewed.Key)
	g.must(t, "reload")
	require.Equal(t, old, shown(), "the configuration is the same: nothing is read")
	g.must(t, "reload", "--force")
	require.NotEqual(t, old, shown())

	require.Equal(t, 200, g.status(inUse), "connections to PostgreSQL that are open go on")
	server.Stop()
	server.Start()
	require.Eventually(t, func() bool { return g.status(other) == 503 }, waitFor, tick, "new connections do not know the new authority")
	g.must(t, "reload", "--force")
	require.Equal(t, 503, g.status(other))
	g.kill()
	g.start(t)
	require.Equal(t, 200, g.status(other))

	server.Exec("ALTER ROLE tollgate PASSWORD 'another'")
	g.write(t, "dsn", strings.Replace(address, services.PostgresPassword, "another", 1))
	server.Stop()
	server.Start()
	_, fresh := g.newKey(t)
	require.Eventually(t, func() bool { return g.status(fresh) == 503 }, waitFor, tick, "the old password")
	g.must(t, "reload", "--force")
	require.Equal(t, 200, g.status(fresh), "a password in a file that the address names is read by a reload")
}

// TestAPostgresBackupIsRestored with the README's commands, under a gateway that runs.
func TestAPostgresBackupIsRestored(t *testing.T) {
	if !harness.Long() {
		t.Skip("this is a long form")
	}
	address := services.Postgres(t).Database()
	g := newGateway(t, "\ttollgate {\n\t\tkeys postgres {env.DSN}\n\t}", "")
	g.env = append(g.env, "DSN="+address)
	g.must(t, "workspace", "create", "ws_acme", "--plan", "enterprise")
	id, secret := g.newKey(t)
	g.start(t)
	t.Cleanup(g.kill)
	text, _ := readme(t)
	restored := 0
	for _, line := range regexp.MustCompile("`(pg_(?:dump|restore) [^`]+)`").FindAllStringSubmatch(text, -1) {
		program, _, _ := strings.Cut(line[1], " ")
		shell := exec.Command("sh", "-ec", strings.Replace(line[1], program, services.Binary(t, program), 1))
		shell.Dir, shell.Env = g.dir, g.env
		out, err := shell.CombinedOutput()
		require.NoError(t, err, "%s", out)
		want := 200
		if program == "pg_dump" {
			g.must(t, "key", "revoke", id)
			want = 401
		} else {
			restored++
		}
		require.Eventually(t, func() bool { return g.status(secret) == want }, waitFor, tick, "after %s", line[1])
	}
	require.Equal(t, 1, restored)
}
