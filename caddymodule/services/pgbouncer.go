package services

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// PgBouncer starts a PgBouncer in front of a server, in transaction mode with two connections to each database, and ends it
// with the test. It gives the address of a database through it, for one of the server itself.
func PgBouncer(t testing.TB, server *PostgresServer) func(address string) string {
	t.Helper()
	program, port := Binary(t, "pgbouncer"), FreePort(t)
	folder, err := os.MkdirTemp(server.data, "pgbouncer-")
	if err != nil {
		t.Fatalf("making a folder for PgBouncer: %v", err)
	}
	users, configuration := filepath.Join(folder, "users"), filepath.Join(folder, "ini")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatalf("writing PgBouncer's configuration: %v", err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil { // the program runs as somebody else
		t.Fatalf("opening PgBouncer's folder: %v", err)
	}
	write(users, fmt.Sprintf("%q %q\n", "tollgate", PostgresPassword))
	write(configuration, fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 2
`, server.port, port, users))
	command := exec.Command(program, configuration)
	command.Dir, command.SysProcAttr = server.data, server.as
	if err := command.Start(); err != nil {
		t.Fatalf("starting PgBouncer: %v", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	Wait(t, "PgBouncer", func() bool {
		conn, err := net.Dial("tcp", Address(port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatalf("reading the address of a database: %v", err)
		}
		u.Host = Address(port)
		return u.String()
	}
}
