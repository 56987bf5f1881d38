package services

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresPassword is the password of every PostgresServer's superuser: something that a test can search for.
const PostgresPassword = "only-for-tests-Zq7"

// PostgresServer is a PostgreSQL server of one test, with its data in a folder of its own.
type PostgresServer struct {
	t         testing.TB
	bin       string // folder of the programs
	data      string
	port      int
	as        *syscall.SysProcAttr // the server refuses to run as root
	databases atomic.Int32
}

// Postgres starts a server and ends it with the test. What it wrote is gone then.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	data, err := os.MkdirTemp("", "tollgate-postgres-")
	if err != nil {
		t.Fatalf("making a folder for PostgreSQL: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	p := &PostgresServer{t: t, bin: postgresBin(t), data: data, port: FreePort(t)}
	p.dropRoot()
	password := filepath.Join(data, "password")
	if err := os.WriteFile(password, []byte(PostgresPassword), 0o644); err != nil {
		t.Fatalf("writing the password: %v", err)
	}
	p.run("initdb", "--pgdata", filepath.Join(data, "pg"), "--username", "tollgate", "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	t.Cleanup(p.Stop)
	p.Start()
	return p
}

// postgresBin is the folder of PostgreSQL's programs: of those in PATH, or where Debian puts them.
func postgresBin(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("initdb"); err != nil {
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
			return filepath.Dir(found[len(found)-1])
		}
	}
	return filepath.Dir(Binary(t, "initdb"))
}

// dropRoot lets the programs run as an unprivileged user where the test runs as root.
func (p *PostgresServer) dropRoot() {
	p.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		p.t.Fatalf("finding a user for PostgreSQL: %v", err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(p.data, uid, gid); err != nil {
		p.t.Fatalf("giving PostgreSQL its folder: %v", err)
	}
	p.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func (p *PostgresServer) run(program string, args ...string) {
	p.t.Helper()
	command := exec.Command(filepath.Join(p.bin, program), args...)
	command.Dir, command.SysProcAttr = p.data, p.as
	if output, err := command.CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", program, err, output)
	}
}

// Start launches the server and waits until it answers.
func (p *PostgresServer) Start() {
	p.t.Helper()
	options := strings.Join([]string{"-c listen_addresses=127.0.0.1", "-c port=" + strconv.Itoa(p.port),
		"-c unix_socket_directories=" + p.data, "-c fsync=off", "-c shared_buffers=64MB", "-c max_wal_size=1GB"}, " ")
	p.run("pg_ctl", "start", "-D", filepath.Join(p.data, "pg"), "-w", "-l", filepath.Join(p.data, "log"), "-o", options)
}

// EnableTLS lets the server speak TLS with a certificate, of which it keeps copies of its own.
func (p *PostgresServer) EnableTLS(certificate, key string) {
	p.t.Helper()
	for name, file := range map[string]string{"server.crt": certificate, "server.key": key} {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(p.data, "pg", name), text, 0o600)
		}
		if err == nil && p.as != nil {
			err = os.Chown(filepath.Join(p.data, "pg", name), int(p.as.Credential.Uid), int(p.as.Credential.Gid))
		}
		if err != nil {
			p.t.Fatalf("giving PostgreSQL a certificate: %v", err)
		}
	}
	p.Exec("ALTER SYSTEM SET ssl = on")
	p.Exec("SELECT pg_reload_conf()")
}

// Stop ends the server and all its connections. One that does not run stays so.
func (p *PostgresServer) Stop() {
	command := exec.Command(filepath.Join(p.bin, "pg_ctl"), "stop", "-D", filepath.Join(p.data, "pg"), "-w", "-m", "fast")
	command.Dir, command.SysProcAttr = p.data, p.as
	_ = command.Run()
}

// Database creates an empty database and gives its address, password included.
func (p *PostgresServer) Database() string {
	p.t.Helper()
	name := fmt.Sprintf("test_%d", p.databases.Add(1))
	p.Exec("CREATE DATABASE " + name)
	return p.Address(name)
}

// Address is the address of a database, password included.
func (p *PostgresServer) Address(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("tollgate", PostgresPassword), Host: Address(p.port), Path: "/" + database}
	return u.String()
}

// Exec executes a statement as the superuser.
func (p *PostgresServer) Exec(statement string) {
	p.t.Helper()
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, p.Address("postgres"))
	if err != nil {
		p.t.Fatalf("connecting to PostgreSQL: %v", err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		p.t.Fatalf("%s: %v", statement, err)
	}
}
