package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// newcomer has no session yet.
func newcomer(t *testing.T, b *bare) *tool {
	t.Helper()
	return &tool{t: t, host: b.url, home: t.TempDir()}
}

// kept is a file of ~/.konecty.
func (k *tool) kept(name string) string {
	k.t.Helper()
	path := filepath.Join(k.home, ".konecty", name)
	info, err := os.Stat(path)
	require.NoError(k.t, err)
	require.Equal(k.t, os.FileMode(0o600), info.Mode().Perm(), name)
	text, err := os.ReadFile(path)
	require.NoError(k.t, err)
	return string(text)
}

const userOfTheTests = "wNq8KdRt5vYbXcZgM"

var sessionForm = regexp.MustCompile(`(?m)^KONECTY_TOKEN=(\S+)$`)

func TestLogin(t *testing.T) {
	for flags, who := range map[string]string{"--email admin@example.com": "admin@example.com", "--phone +12125550100": "+12125550100"} {
		for _, by := range []string{"standard input", "flag"} {
			t.Run(flags+" "+by, func(t *testing.T) {
				b := newBare(t)
				k := newcomer(t, b)
				require.Equal(t, "code by e-mail    yes\ncode by WhatsApp  yes\npassword          yes\n", k.run("login", "login-options").ok().stdout)
				require.Contains(t, k.run(append([]string{"login", "request-otp"}, strings.Fields(flags)...)...).ok().stdout, "OTP sent via email")
				code := b.SentCode(who)
				verify := append([]string{"login", "verify-otp"}, strings.Fields(flags)...)
				if k.stdin = code + "\n"; by == "flag" {
					k.stdin, verify = "", append(verify, "--otp", code)
				}
				got := k.run(verify...).ok()
				require.Equal(t, "logged in: the session is in "+filepath.Join(k.home, ".konecty", ".env")+" and "+filepath.Join(k.home, ".konecty", "credentials")+"\n", got.stdout)

				env := k.kept(".env")
				session := sessionForm.FindStringSubmatch(env)[1]
				require.Equal(t, "KONECTY_URL="+b.url+"\nKONECTY_TOKEN="+session+"\nKONECTY_USER_ID="+userOfTheTests+"\n", env)
				section := "host = " + b.url + "\nuserId = " + userOfTheTests + "\nauthId = " + session + "\n"
				require.Equal(t, "[default]\n"+section+"\n["+b.url+"]\n"+section, k.kept("credentials"))
				for _, secret := range []string{code, session} {
					require.NotContains(t, got.stdout+got.stderr, secret)
				}
				require.NotContains(t, env+k.kept("credentials"), code, "the code is kept nowhere")

				k.host = "" // from the files alone
				require.Contains(t, k.run("lookup", "Contact", "16503").ok().stdout, maria)
				require.NoError(t, os.Remove(filepath.Join(k.home, ".konecty", ".env")))
				require.Contains(t, k.run("lookup", "Contact", "16503").ok().stdout, maria)
				k.run(verify...).fails(exitRefused, "OTP not found").oneLine()
			})
		}
	}
}

func TestLoginKeepsWhatElseStandsInTheFiles(t *testing.T) {
	b := newBare(t)
	k := newcomer(t, b)
	writeFile(t, filepath.Join(k.home, ".konecty", ".env"), "# mine\nOTHER=1\nexport KONECTY_TOKEN=old\nKONECTY_URL='https://old.example.com'\nKONECTY_USER_ID=old\nLAST=2")
	writeFile(t, filepath.Join(k.home, ".konecty", "credentials"), "; mine\n[https://old.example.com]\nhost = https://old.example.com\nauthId = kept\n\n[default]\nAuthId: old\nregion = eu\n[more]\nauthid = too\n[default]\nauthid = twice\n")
	require.NoError(t, os.Chmod(filepath.Join(k.home, ".konecty", ".env"), 0o644))
	k.run("login", "request-otp", "--email", "admin@example.com").ok()
	k.stdin = b.SentCode("admin@example.com")
	k.run("login", "verify-otp", "--email", "admin@example.com").ok()
	session := sessionForm.FindStringSubmatch(k.kept(".env"))[1]
	require.Equal(t, "# mine\nOTHER=1\nLAST=2\nKONECTY_URL="+b.url+"\nKONECTY_TOKEN="+session+"\nKONECTY_USER_ID="+userOfTheTests+"\n", k.kept(".env"))
	section := "host = " + b.url + "\nuserId = " + userOfTheTests + "\nauthId = " + session + "\n"
	require.Equal(t, "; mine\n[https://old.example.com]\nhost = https://old.example.com\nauthId = kept\n\n[default]\n"+section+"region = eu\n[more]\nauthid = too\n[default]\n\n["+b.url+"]\n"+section,
		k.kept("credentials"))
	entries, err := os.ReadDir(filepath.Join(k.home, ".konecty"))
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary files stay")

	k.run("login", "request-otp", "--email", "admin@example.com").ok()
	k.stdin = b.SentCode("admin@example.com")
	var report map[string]any
	k.run("login", "verify-otp", "--email", "admin@example.com", "--json").ok().decoded(&report)
	require.Equal(t, userOfTheTests, report["userId"])
	require.Len(t, report["files"], 2)
	require.Equal(t, 1, strings.Count(k.kept("credentials"), "["+b.url+"]"))
}

// TestALoginReplacesWhatIsKeptForTheHost, also where its name was written with a slash at its end.
func TestALoginReplacesWhatIsKeptForTheHost(t *testing.T) {
	b := newBare(t)
	k := newcomer(t, b)
	writeFile(t, filepath.Join(k.home, ".konecty", "credentials"), "["+b.url+"/]\nhost = "+b.url+"\nauthId = old\n")
	k.run("login", "request-otp", "--email", "admin@example.com").ok()
	k.stdin = b.SentCode("admin@example.com")
	k.run("login", "verify-otp", "--email", "admin@example.com").ok()
	require.NotContains(t, k.kept("credentials"), "old")
	require.Equal(t, 1, strings.Count(k.kept("credentials"), "["+b.url))
}

func TestTokensAreSentToTheirOwnHostOnly(t *testing.T) {
	host, tokens := named(t)
	for name, c := range map[string]struct {
		env, ini string
		want     string
	}{
		"a section of its own": {"", "[default]\nhost=https://other.example.com\nauthid=theirs\n[" + host + "]\nhost=" + host + "\nauthid=ours\n", "Bearer ours"},
		"a section with slash": {"", "[" + host + "/]\nauthid=ours\n", "Bearer ours"},
		"before the default":   {"", "[default]\nhost=" + host + "\nauthid=old\n[" + host + "]\nauthid=ours\n", "Bearer ours"},
		"the default's host":   {"", "[default]\nhost=" + host + "/\nauthid=ours\n", "Bearer ours"},
		"another's default":    {"", "[default]\nhost=https://other.example.com\nauthid=theirs\n", ""},
		"another's .env":       {"KONECTY_URL=https://other.example.com\nKONECTY_TOKEN=theirs\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := &tool{t: t, home: t.TempDir(), host: host}
			writeFile(t, filepath.Join(k.home, ".konecty", ".env"), c.env)
			writeFile(t, filepath.Join(k.home, ".konecty", "credentials"), c.ini)
			*tokens = nil
			if got := k.run("modules"); c.want == "" {
				got.fails(exitUsage, "no token for "+host, "konecty login").oneLine()
				require.Empty(t, *tokens)
				return
			}
			require.Equal(t, []string{c.want}, *tokens)
		})
	}
}

func TestLoginsThatFail(t *testing.T) {
	b := newBare(t)
	k := newcomer(t, b)
	for words, says := range map[string]string{
		"login request-otp":                                              "email",
		"login request-otp --email x":                                    "--email must look like",
		"login request-otp --phone 5511":                                 "--phone must look like +5511999999999",
		"login request-otp --email a@b.com --phone +551199":              "email",
		"login verify-otp --email a@b.com --otp 12345":                   "6 digits",
		"login verify-otp --email a@b.com":                               "6 digits",
		"login verify-otp --email a@b.com --otp 12345a":                  "6 digits",
		"login verify-otp --email a@b.com --otp 123456 --host ftp://x.y": "https://crm.example.com",
	} {
		k.run(strings.Fields(words)...).fails(exitUsage, says).oneLine()
	}
	require.Empty(t, b.requests())
	k.run("login", "request-otp", "--email", "nobody@example.com").fails(exitRefused, "Não foi possível").oneLine()
	k.run("login", "verify-otp", "--email", "admin@example.com", "--otp", "123456").fails(exitRefused, "OTP not found or expired").oneLine()
	require.NoDirExists(t, filepath.Join(k.home, ".konecty"), "nothing is kept of what failed")
	require.Contains(t, k.run("login").ok().stdout, "verify-otp")

	server, err := crm.New(crm.Options{Token: token, NoCodes: true})
	require.NoError(t, err)
	closed := httptest.NewServer(server)
	t.Cleanup(closed.Close)
	k.host = closed.URL
	k.run("login", "login-options").fails(exitRefused, "sends no codes").oneLine()
}

// TestHostileServersWriteNothingOfTheirsIntoTheFiles has servers whose answers would mean something to who reads the files.
func TestHostileServersWriteNothingOfTheirsIntoTheFiles(t *testing.T) {
	for name, body := range map[string]string{
		"a line in the token": `{"success":true,"logged":true,"authId":"abcdefgh\nPATH=/tmp"}`, "a command": `{"success":true,"logged":true,"authId":"$(touch x)abcdefgh"}`,
		"no token": `{"success":true,"logged":true}`, "not logged in": `{"success":true,"authId":"abcdefghij"}`, "a short one": `{"success":true,"logged":true,"authId":"a"}`,
	} {
		k := answering(t, 200, "application/json", body)
		k.token = ""
		k.run("login", "verify-otp", "--email", "a@b.com", "--otp", "123456").fails(exitUnreachable).oneLine()
		require.NoDirExists(t, filepath.Join(k.home, ".konecty"), name)
	}
	k := answering(t, 200, "application/json", `{"success":true,"logged":true,"authId":"abcdefghij","user":{"_id":"x\nEVIL=1"}}`)
	k.token = ""
	k.run("login", "verify-otp", "--email", "a@b.com", "--otp", "123456").ok()
	require.Equal(t, "KONECTY_URL="+k.host+"\nKONECTY_TOKEN=abcdefghij\n", k.kept(".env"), "an id that is not one is left out")
	k = answering(t, 400, "application/json", `{"success":false,"errors":[{"message":"no 123456"}]}`)
	k.token = ""
	got := k.run("login", "verify-otp", "--email", "a@b.com", "--otp", "123456")
	require.NotContains(t, got.stdout+got.stderr, "123456", "the code is not printed, though the server repeats it")
}

func TestNobodyLogsInToAGateway(t *testing.T) {
	g, _ := behindGateway(t)
	k := &tool{t: t, host: "http://" + g.Addr, home: t.TempDir()}
	for _, words := range []string{"login login-options", "login request-otp --email a@b.com", "login verify-otp --email a@b.com --otp 123456"} {
		k.run(strings.Fields(words)...).fails(exitRefused, "this is a gateway", "tollgate key create", "KONECTY_TOKEN").oneLine()
	}
	require.Empty(t, g.Backend.Seen())
	k.run("modules").fails(exitUsage, "konecty login", "a gateway's key").oneLine()
}

func TestASessionThatHasEndedSaysSo(t *testing.T) {
	b := newBare(t)
	k := &tool{t: t, host: b.url, token: "a-session-that-has-ended", home: t.TempDir()}
	k.run("lookup", "Contact", "1").fails(exitRefused, "log in again (konecty login --help)").oneLine()
	k.run("create", "Contact", "--data", `{"name": {"first": "A"}}`).fails(exitRefused, "log in again").oneLine()
}

func TestTheFolderOfTheSessionIsItsOwners(t *testing.T) {
	b := newBare(t)
	k := newcomer(t, b)
	k.run("login", "request-otp", "--email", "admin@example.com").ok()
	k.stdin = b.SentCode("admin@example.com")
	k.run("login", "verify-otp", "--email", "admin@example.com").ok()
	info, err := os.Stat(filepath.Join(k.home, ".konecty"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	k.home = ""
	k.run("login", "request-otp", "--email", "admin@example.com").ok()
	k.stdin = b.SentCode("admin@example.com")
	k.run("login", "verify-otp", "--email", "admin@example.com").fails(exitRefused, "set HOME").oneLine()
}
