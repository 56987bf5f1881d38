package explain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestExplainRunsNothing: what stands before the gate and may answer in its place is named, and not asked.
func TestExplainRunsNothing(t *testing.T) {
	backend := harness.NewBackend(t)
	d := harness.NewDesk(t, strings.ReplaceAll(`{
	admin off
}
:8080 {
	basic_auth /secret/* {
		ann $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
	}
	forward_auth /asked/* $BACKEND {
		uri /verify
	}
	request_body /small/* {
		max_size 1KB
	}
	encode gzip
	@special {
		header X-Special *
		path /special/*
	}
	rewrite @special /nowhere
	handle /open/* {
		reverse_proxy $BACKEND
	}
	route {
		tollgate {
			route GET /*
		}
		respond ok
	}
}
`, "$BACKEND", backend.Addr))
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	headers := "note: a matcher on the way looks at headers, and was asked about a request that has none\n"
	notRun := " before the gate is not run here: it may answer in its place, or change the request\n"
	for path, want := range map[string]struct {
		notes   string
		verdict string
	}{
		"/plain":     {"", "goes to respond"},
		"/special/x": {headers, "goes to respond"},
		"/secret/x":  {"note: authentication (basic_auth)" + notRun, "goes to respond"},
		"/asked/x":   {"note: reverse_proxy (forward_auth)" + notRun, "goes to respond"},
		"/small/x":   {"note: request_body" + notRun, "goes to respond"},
		"/open/x":    {"", "no gate stands in its way: it is answered by reverse_proxy, and not protected"},
	} {
		t.Run(path, func(t *testing.T) {
			text := d.Must(t, "explain", "GET", path, "--key-id", key, "--wide")
			head, _, _ := strings.Cut(text, "\n\n")
			require.Equal(t, "GET "+path+" at localhost, from 127.0.0.1, with key "+key+"\n"+want.notes, head+"\n")
			require.Contains(t, text, "\nverdict: "+want.verdict+"\n")
		})
	}
	require.Empty(t, backend.Seen())
}

// TestExplainTellsTheWay: rewrites and missing gates are said in a line each.
func TestExplainTellsTheWay(t *testing.T) {
	d := harness.NewDesk(t, `{
	admin off
}
http://*.example.com:8080 {
	handle_path /api/* {
		tollgate {
			route GET /leads
		}
		respond ok
	}
	handle /two/* {
		tollgate {
			route GET /two/*
		}
		respond ok
	}
}
`)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	text := d.Must(t, "explain", "GET", "/api/leads?a=1", "--key-id", key, "--wide")
	require.Contains(t, text, "GET /api/leads?a=1 at any.example.com, from 127.0.0.1, with key "+key+"\nbefore the gate it is rewritten to GET /leads?a=1\n\n1 hygiene")
	require.NotContains(t, d.Must(t, "explain", "GET", "/two/x?", "--key-id", key, "--wide"), "rewritten")
	text = d.Must(t, "explain", "GET", "/leads", "--key-id", key, "--wide")
	require.True(t, strings.HasSuffix(text, "\n\nverdict: no gate stands in its way, and no handler answers it: the server gives an empty 200\n"), text)
	e := d.Explain(t, "GET", "/leads", "--key-id", key)
	require.False(t, e.Way.Gate)
	require.Empty(t, e.Steps)
	require.Equal(t, "not asked", e.Windows.Source)
}

// TestExplainFollowsNoCircle: what Caddy would follow until its stack ends is an error.
func TestExplainFollowsNoCircle(t *testing.T) {
	d := harness.NewDesk(t, "{\n\tadmin off\n}\n&(round) {\n\troute {\n\t\tinvoke round\n\t}\n}\nhttp://:8080 {\n\troute {\n\t\tinvoke round\n\t\ttollgate\n\t}\n}\n")
	d.Refuses(t, harness.Blunder{Line: "explain GET / --key-id key_x", Want: "does a named route invoke itself?"}, "")
}

// TestExplainKnowsHTTPS, and says that it does not know what Caddy redirects to it of its own accord.
func TestExplainKnowsHTTPS(t *testing.T) {
	secure := "{\n\tadmin off\n}\napi.example.com, *.api.example.com {\n\ttollgate {\n\t\troute GET /leads\n\t}\n\t@plain protocol http\n\tredir @plain /elsewhere\n\trespond ok\n}\n"
	d := harness.NewDesk(t, secure)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	for _, address := range []string{"/leads", "https://api.example.com/leads", "HTTPS://x.api.example.com:443/leads"} {
		require.Equal(t, "/leads", d.Explain(t, "GET", address, "--key-id", key).Route.Pattern, address)
	}
	redirected := "has no site for http://api.example.com: they are api.example.com:443,*.api.example.com:443 (Caddy may redirect to https by itself: ask about https://)"
	d.Refuses(t, harness.Blunder{Line: "explain GET http://api.example.com/leads --key-id " + key, Want: redirected}, key)
}

// TestExplainKnowsTheAddress: --ip is the client's address for matchers as well.
func TestExplainKnowsTheAddress(t *testing.T) {
	d := harness.NewDesk(t, "{\n\tadmin off\n}\n:8080 {\n\t@office client_ip 203.0.113.0/24\n\t@lab remote_ip 2001:db8::/32\n\thandle @office {\n\t\trespond ok\n\t}\n"+
		"\thandle @lab {\n\t\trespond ok\n\t}\n\thandle {\n\t\ttollgate {\n\t\t\troute GET /leads\n\t\t}\n\t\trespond ok\n\t}\n}\n")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	for ip, gate := range map[string]bool{"203.0.113.9": false, "::ffff:203.0.113.9": false, "2001:db8::1": false, "192.0.2.1": true, "fe80::1%eth0": true} {
		require.Equal(t, gate, d.Explain(t, "GET", "/leads", "--key-id", key, "--ip", ip).Way.Gate, ip)
	}
}

// TestExplainMissesASecret: what inject needs and nobody has given is 500, before anything is spent.
func TestExplainMissesASecret(t *testing.T) {
	d := harness.NewDesk(t, "{\n\tadmin off\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t\tsecrets secrets\n\t}\n}\n:8080 {\n\ttollgate {\n\t\troute GET /leads\n"+
		"\t\tinject Authorization \"Bearer {tollgate.secret.token}\"\n\t}\n\trespond ok\n}\n")
	d.Write(t, "secrets/ws_other/token", "the-other-token")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	e := d.Explain(t, "GET", "/leads", "--key-id", key)
	require.Equal(t, "secret_missing", e.Verdict.Reason)
	require.Equal(t, []string{"the request cannot be passed on: injecting Authorization: workspace ws_acme has no secret 'token'"}, e.Way.Notes)
	require.Equal(t, 404, d.Explain(t, "GET", "/nothing", "--key-id", key).Verdict.Status, "what has no route is not passed on")
	d.Write(t, "secrets/ws_acme/token", "the-token")
	text := d.Must(t, "explain", "GET", "/leads", "--key-id", key, "--wide")
	require.Contains(t, text, "verdict: goes to respond")
	require.NotContains(t, text, "the-token")
}
