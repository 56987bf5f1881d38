package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// named is a server that knows the tokens it was asked with.
func named(t *testing.T) (host string, tokens *[]string) {
	t.Helper()
	tokens = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *tokens = append(*tokens, r.Header.Get("Authorization")); strings.HasPrefix(r.URL.Path, "/rest/menu/") {
			_, _ = w.Write([]byte("null"))
			return
		}
		_, _ = w.Write([]byte(`{"success": true, "data": {"modules": [{"document": "A", "label": "A", "fields": []}]}}`))
	}))
	t.Cleanup(server.Close)
	return server.URL, tokens
}

func TestCredentialsComeFromTheFirstPlaceThatHasThem(t *testing.T) {
	const nowhere = "http://127.0.0.1:1"
	host, tokens := named(t)
	for name, c := range map[string]struct {
		flags      []string
		url, token string
		env, ini   string
		want       string
	}{
		"flags before all":        {[]string{"--host", host, "--token", "by-flag"}, nowhere, "by-variable", "KONECTY_URL=" + nowhere, "", "by-flag"},
		"variables before files":  {nil, host, "by-variable", "KONECTY_URL=" + nowhere + "\nKONECTY_TOKEN=by-env", "", "by-variable"},
		".env before credentials": {nil, "", "", "KONECTY_URL=" + host + "\nKONECTY_TOKEN=by-env\n", "[default]\nhost=" + nowhere + "\nauthid=by-ini\n", "by-env"},
		"credentials last":        {nil, "", "", "", "[other]\nhost = x\n[default]\nhost = " + host + "/\nauthid = by-ini\n[more]\nauthid=no\n", "by-ini"},
		"each from its own place": {[]string{"--host", host}, "", "", "", "[default]\nauthid: by-ini\n", "by-ini"},
		"quotes and export":       {nil, "", "", "# mine\n\nexport KONECTY_URL=\"" + host + "\"\nKONECTY_TOKEN='by=env'\n", "", "by=env"},
		"Windows lines":           {nil, "", "", "\ufeffKONECTY_URL=" + host + "\r\nKONECTY_TOKEN=by-env\r\n", "", "by-env"},
		"INI names in any case":   {nil, host, "", "", "; mine\n[default]\nAuthId=by-ini", "by-ini"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &tool{t: t, host: c.url, token: c.token, home: t.TempDir()}
			if c.env != "" {
				writeFile(t, filepath.Join(k.home, ".konecty", ".env"), c.env)
			}
			if c.ini != "" {
				writeFile(t, filepath.Join(k.home, ".konecty", "credentials"), c.ini)
			}
			*tokens = nil
			for _, command := range []string{"modules", "search", "fields"} {
				arguments := append([]string{command}, c.flags...)
				if command != "modules" {
					arguments = append(arguments, "A")
				}
				k.run(arguments...).ok()
			}
			require.Equal(t, slices.Repeat([]string{"Bearer " + c.want}, 4), *tokens, "on every sub-command, each of its requests")
		})
	}
}

func TestMissingCredentials(t *testing.T) {
	k := &tool{t: t, home: t.TempDir()}
	k.run("modules").fails(exitUsage, "no host", "KONECTY_URL").oneLine()
	k.run("modules", "--host", "https://crm.example.com").fails(exitUsage, "no token", "KONECTY_TOKEN").oneLine()
	k.home = ""
	k.run("modules").fails(exitUsage, "no host").oneLine()
	k.home = t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(k.home, ".konecty", ".env"), 0o700))
	k.run("modules").fails(exitUsage, "reading the credentials").oneLine()
}

func TestTheTokenIsNeverPrinted(t *testing.T) {
	const secret = "s3cr3t-of-the-test"
	for name, k := range map[string]*tool{
		"by a server that repeats it": answering(t, 400, "application/json", `{"message":"no `+secret+`"}`),
		"in a record":                 answering(t, 200, "application/json", `{"success":true,"data":{"modules":[{"document":"`+secret+`","label":"x","fields":[]}]}}`),
		"in a redirect":               answering(t, 302, "text/html", "", "Location", "https://x.example/?token="+secret),
	} {
		for _, flags := range [][]string{nil, {"--json"}} {
			got := k.run(append([]string{"modules", "--token", secret}, flags...)...)
			require.NotContains(t, got.stdout+got.stderr, secret, name)
			require.Contains(t, got.stdout+got.stderr, "[token]", name)
		}
	}
	k := &tool{t: t, home: t.TempDir()}
	for _, arguments := range [][]string{
		{"modules", "--host", "http://127.0.0.1:1", "--token", secret}, {"modules", "--host", "http://127.0.0.1:1", "--token", secret + "\n" + secret},
		{"modules", "-t" + secret}, {"modules", "--host", "nowhere", "--token", secret}, {"modules", "--help", "--token", secret},
	} {
		got := k.run(arguments...)
		require.NotContains(t, got.stdout+got.stderr, secret, arguments)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	host, tokens := named(t)
	k := answering(t, 307, "text/plain", "", "Location", host)
	k.run("modules").fails(exitUnreachable, "redirects to "+host).oneLine()
	require.Empty(t, *tokens, "the token goes to nobody else")
}
