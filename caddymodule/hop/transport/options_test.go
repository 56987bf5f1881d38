package transport_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// telling is a backend that says how it was asked: the encodings (our transport asks for none of its own), from where, and who it is.
type telling string

// ServeHTTP answers.
func (name telling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	w.Header().Set("X-Seen", fmt.Sprintf("%s %s %s", name, r.Header.Get("Accept-Encoding"), from))
}

// TestEveryOptionIsObeyed or sends everything to Caddy's transport. Our transport's requests have no Accept-Encoding.
func TestEveryOptionIsObeyed(t *testing.T) {
	address := func(s *httptest.Server) string {
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	plain, other, secret := address(httptest.NewServer(telling("plain"))), address(httptest.NewServer(telling("other"))), address(httptest.NewTLSServer(telling("TLS")))
	_, port, err := net.SplitHostPort(plain)
	require.NoError(t, err)
	unix := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", unix)
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: telling("unix")}}
	server.Start()
	t.Cleanup(server.Close)
	behind := httptest.NewUnstartedServer(telling("PROXY"))
	behind.Listener = &proxyproto.Listener{Listener: behind.Listener, ConnPolicy: func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		return proxyproto.REQUIRE, nil // a connection that does not begin with it is ended
	}}
	behind.Start()
	proxied := address(behind)
	names := nameServer(t)

	const ours, caddys = "plain  127.0.0.1", "plain gzip 127.0.0.1"
	cases := []struct{ name, proxy, want string }{
		{"nothing", plain + " {\n transport tollgate\n}", ours},
		{"dial_timeout", plain + " {\n transport tollgate {\n dial_timeout 5s\n}\n}", ours},
		{"dial_fallback_delay", plain + " {\n transport tollgate {\n dial_fallback_delay -1s\n}\n}", ours},
		{"read_timeout", plain + " {\n transport tollgate {\n read_timeout 5s\n}\n}", ours},
		{"write_timeout", plain + " {\n transport tollgate {\n write_timeout 5s\n}\n}", ours},
		{"response_header_timeout", plain + " {\n transport tollgate {\n response_header_timeout 5s\n}\n}", ours},
		{"expect_continue_timeout", plain + " {\n transport tollgate {\n expect_continue_timeout 5s\n}\n}", ours},
		{"keepalive", plain + " {\n transport tollgate {\n keepalive 5s\n keepalive_interval 5s\n keepalive_idle_conns 5\n keepalive_idle_conns_per_host 5\n}\n}", ours},
		{"keepalive off", plain + " {\n transport tollgate {\n keepalive off\n}\n}", caddys},
		{"compression off", plain + " {\n transport tollgate {\n compression off\n}\n}", ours},
		{"max_conns_per_host", plain + " {\n transport tollgate {\n max_conns_per_host 5\n}\n}", caddys},
		{"proxy_protocol v1", proxied + " {\n transport tollgate {\n proxy_protocol v1\n}\n}", "PROXY gzip 127.0.0.1"},
		{"proxy_protocol v2", proxied + " {\n transport tollgate {\n proxy_protocol v2\n}\n}", "PROXY gzip 127.0.0.1"},
		{"no proxy_protocol", proxied + " {\n transport tollgate\n}", ""},
		{"local_address", plain + " {\n transport tollgate {\n local_address 127.0.0.2\n}\n}", "plain  127.0.0.2"},
		{"resolvers", "backend.example:" + port + " {\n transport tollgate {\n resolvers " + names + "\n}\n}", ours},
		{"versions 1.1", plain + " {\n transport tollgate {\n versions 1.1\n}\n}", ours},
		{"versions h2c 1.1", plain + " {\n transport tollgate {\n versions h2c 1.1\n}\n}", ""}, // this backend has none
		{"h2c://", "h2c://" + plain + " {\n transport tollgate\n}", ""},
		{"forward_proxy_url", "backend.example:80 {\n transport tollgate {\n forward_proxy_url http://" + plain + "\n}\n}", caddys},
		{"network_proxy", "backend.example:80 {\n transport tollgate {\n network_proxy url http://" + plain + "\n}\n}", caddys},
		{"network_proxy none", plain + " {\n transport tollgate {\n network_proxy none\n}\n}", ours},
		{"tls", secret + " {\n transport tollgate {\n tls_insecure_skip_verify\n}\n}", "TLS gzip 127.0.0.1"},
		{"tls, of nobody we trust", secret + " {\n transport tollgate {\n tls\n}\n}", ""},
		{"https://", "https://" + secret + " {\n transport tollgate {\n tls_insecure_skip_verify\n}\n}", "TLS gzip 127.0.0.1"},
		{"tls to a plain backend", plain + " {\n transport tollgate {\n tls_insecure_skip_verify\n}\n}", ""},
		{"tls_except_ports", plain + " {\n transport tollgate {\n tls\n tls_except_ports " + port + "\n}\n}", ours},
		{"unix", "unix/" + unix + " {\n transport tollgate\n}", "unix gzip"},
		{"tcp4", "tcp4/" + plain + " {\n transport tollgate\n}", caddys},
		{"a placeholder, one", "{header.X-To} {\n transport tollgate\n}", ours},
		{"a name", "localhost:" + port + " {\n transport tollgate\n}", ours},
		{"a placeholder, another", "{header.X-Other} {\n transport tollgate\n}", "other  127.0.0.1"},
	}
	setup := harness.World() // one gateway has them all
	setup.Then = ""
	for n, c := range cases {
		setup.Then += fmt.Sprintf("@%d header X-Case %d\nreverse_proxy @%d %s\n", n, n, n, c.proxy)
	}
	g := harness.Start(t, setup)
	for range 2 { // on new connections, and on the same
		for n, c := range cases {
			header := http.Header{"X-Case": {fmt.Sprint(n)}, "X-To": {plain}, "X-Other": {other}, "Accept-Encoding": nil}
			answer := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM, Header: header})
			if c.want == "" {
				require.Equal(t, 502, answer.Status, c.name)
				continue
			}
			require.Equal(t, 200, answer.Status, c.name)
			require.Equal(t, c.want, answer.Header.Get("X-Seen"), c.name)
		}
	}
}

// TestAPlaceholderNamesABackendEachTime: connections are kept by the address that was dialled.
func TestAPlaceholderNamesABackendEachTime(t *testing.T) {
	setup := harness.World()
	setup.Then = "reverse_proxy {header.X-To} {\n transport tollgate\n}"
	g := harness.Start(t, setup)
	first, second := httptest.NewServer(telling("first")), httptest.NewServer(telling("second"))
	defer first.Close()
	defer second.Close()
	for range 3 {
		for name, server := range map[string]*httptest.Server{"first": first, "second": second} {
			answer := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM, Header: http.Header{"X-To": {server.Listener.Addr().String()}, "Accept-Encoding": nil}})
			require.Equal(t, name+"  127.0.0.1", answer.Header.Get("X-Seen"))
		}
	}
}

// nameServer starts a name server that knows backend.example, on 127.0.0.1.
func nameServer(t *testing.T) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		in := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(in)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(in[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA && q.Name.String() == "backend.example." {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// TestAProxyOfTheEnvironmentIsUsed, by Caddy's transport. net/http reads the environment once a process, so this is one of its own.
func TestAProxyOfTheEnvironmentIsUsed(t *testing.T) {
	if os.Getenv("HTTP_PROXY") == "" || os.Getenv("TOLLGATE_TEST_PROXY") == "" {
		proxy := httptest.NewServer(telling("proxy"))
		defer proxy.Close()
		again := exec.Command(os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
		again.Env = append(os.Environ(), "HTTP_PROXY="+proxy.URL, "TOLLGATE_TEST_PROXY=yes")
		out, err := again.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	setup := harness.World()
	setup.Then = "reverse_proxy backend.example:80 {\n transport tollgate\n}"
	g := harness.Start(t, setup)
	answer := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM, Header: http.Header{"Accept-Encoding": nil}})
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "proxy gzip 127.0.0.1", answer.Header.Get("X-Seen"))
}
