// Package browser looks at the dashboard with a real Chromium. It knows the program only from outside: TOLLGATE_BINARY names it,
// CHROMIUM the browser, AXE axe-core's axe.min.js, and SCREENSHOTS, where it is set, the folder for two pictures of the page.
package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// hostile are names of keys that would do harm as markup, or turn around what stands beside them.
var hostile = []string{
	`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, `' onclick='alert(1)`, "שלום (שם) <b>", "🦊 ключ مفتاح", strings.Repeat("W", 64),
	"${alert(1)} {{7*7}}", "&lt;b&gt;",
}

const secret = "a-secret-of-the-browser-test"

// gateway is the program in front of a backend.
type gateway struct {
	url, page string
}

func start(t *testing.T) *gateway {
	t.Helper()
	binary := os.Getenv("TOLLGATE_BINARY")
	require.NotEmpty(t, binary, "TOLLGATE_BINARY names the program")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(backend.Close)
	g := &gateway{url: "http://" + free(t)}
	dir, admin := t.TempDir(), free(t)
	sum := sha256.Sum256([]byte(secret))
	var keys strings.Builder
	for n, name := range hostile {
		quoted, err := json.Marshal(name)
		require.NoError(t, err)
		fmt.Fprintf(&keys, "      - {id: key_%d, name: %s, sha256: %s, scopes: [agent.read]}\n", n, quoted, hex.EncodeToString(append([]byte{byte(n)}, sum[1:]...)))
	}
	write(t, filepath.Join(dir, "keys.yaml"), fmt.Sprintf("workspaces:\n  - id: ws_acme\n    plan: small\n    keys:\n      - {id: key_good, name: good, sha256: %s, scopes: [agent.read]}\n%s",
		hex.EncodeToString(sum[:]), keys.String()))
	write(t, filepath.Join(dir, "Caddyfile"), fmt.Sprintf(`{
	admin %s
	persist_config off
	log {
		level ERROR
	}
	tollgate {
		keys file keys.yaml
		plan small 40/1m
	}
}
%s {
	tollgate {
		route GET /leads agent.read
		route GET /leads/:id agent.read
		route GET /broken agent.read
		route POST /leads agent.write
		route GET /a-route-with-a-very-long-path/%s/:and/:many/:parameters/* agent.a.very.long.scope.that.goes.on.and.on.and.on.read
	}
	reverse_proxy %s
}
`, admin, g.url, strings.Repeat("segment", 15), strings.TrimPrefix(backend.URL, "http://")))
	run(t, dir, binary, "run", "--config", "Caddyfile")
	require.Eventually(t, func() bool { return g.get("/leads") == 200 }, 20*time.Second, 20*time.Millisecond)
	shown := new(lines)
	command(t, dir, shown, binary, "dashboard", "--json")
	require.Eventually(t, func() bool {
		var said struct{ URL string }
		if json.Unmarshal(shown.bytes(), &said) != nil {
			return false
		}
		g.page = said.URL
		return true
	}, 20*time.Second, 20*time.Millisecond)
	return g
}

func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	command(t, dir, os.Stderr, program, args...)
}

// command runs a program until the test ends.
func command(t *testing.T, dir string, out interface{ Write([]byte) (int, error) }, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, os.Stderr
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// lines keeps what a program prints.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

func (g *gateway) get(path string) int { return g.ask("GET", path) }

func (g *gateway) ask(method, path string) int {
	request, err := http.NewRequest(method, g.url+path, nil)
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// browser is a page that is being looked at, and what went wrong on it.
type browser struct {
	context.Context
	mu       sync.Mutex
	problems []string
}

func open(t *testing.T, g *gateway) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	own, err := url.Parse(g.page)
	require.NoError(t, err)
	b := new(browser)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || u.Host != own.Host {
				b.note("asked for " + e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			b.note("exception: " + e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			b.note("console: " + string(e.Type))
		case *log.EventEntryAdded:
			b.note(fmt.Sprintf("log: %+v", *e.Entry))
		}
	}))
	t.Cleanup(func() { cancel(); stop() })
	b.Context = ctx
	b.run(t, chromedp.Navigate("about:blank"))
	b.run(t, enable, chromedp.Navigate(g.page))
	b.shows(t, 20*time.Second, "#state", "Key store")
	b.shows(t, 20*time.Second, "#traffic", "Latency")
	return b
}

func (b *browser) note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// enable asks the browser to tell what it loads and what it complains of.
func enable(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
	_, also := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
	return chromedp.Void{}, errors.Join(err, also)
}

// run acts, and fails with what went wrong on the page as well.
func (b *browser) run(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(b, actions...), "%v", b.problems)
}

// look evaluates an expression on the page.
func look[T any](t *testing.T, b *browser, expression string, options ...chromedp.EvaluateOption) T {
	t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](expression, options...))
	require.NoError(t, err, "%v", b.problems)
	return value
}

func (b *browser) text(t *testing.T, selector string) string {
	t.Helper()
	return look[string](t, b, "document.querySelector("+quote(selector)+").textContent")
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

func (b *browser) shows(t *testing.T, within time.Duration, selector, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(b.text(t, selector), text) }, within, 50*time.Millisecond, "%s shows %q", selector, text)
}

func TestDashboard(t *testing.T) {
	g := start(t)
	b := open(t, g)

	// A refusal that is made now appears by itself.
	began := time.Now()
	require.Equal(t, 403, g.ask("POST", "/leads"))
	b.shows(t, 2*time.Second, "#refusals", "missing_scope")
	t.Logf("a refusal appeared after %v", time.Since(began))
	b.shows(t, time.Second, "#refusals", "lacks agent.write")
	for range 50 {
		g.get("/leads/1")
	}
	g.get("/broken")
	b.shows(t, 10*time.Second, "#refusals", "over_limit")

	// A click explains it, by keyboard as well.
	look[bool](t, b, `document.querySelector("#refusals tbody tr:last-child button").focus() ?? true`)
	b.run(t, chromedp.KeyEvent("\r"))
	b.shows(t, 5*time.Second, "#explained", "refused")
	b.shows(t, time.Second, "#explained", ".rego:")

	// Names of others are text.
	b.shows(t, 10*time.Second, "#workspaces", "ws_acme")
	b.run(t, chromedp.Click(chromedp.CSS("#workspaces button")))
	b.shows(t, 10*time.Second, "#workspace", "key_good")
	shown := b.text(t, "#workspace")
	for _, name := range hostile {
		require.Contains(t, shown, name)
	}
	require.Zero(t, look[int](t, b, `document.querySelectorAll("main img, main script, main b, main [onclick], main [onerror]").length`))

	t.Run("fits", func(t *testing.T) { fits(t, b) })
	t.Run("accessible", func(t *testing.T) { accessible(t, b) })
	screenshots(t, b)
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.problems)
}

// fits looks for what is wider than the window.
func fits(t *testing.T, b *browser) {
	for _, width := range []int64{360, 800, 1440} {
		b.run(t, chromedp.EmulateViewport(width, 900))
		over := look[[]string](t, b, `[document.documentElement, ...document.querySelectorAll("body *")]
			.filter((e) => e.checkVisibility() && !e.closest(".skip, thead, svg") && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
			.map((e) => e.tagName + "." + e.className + "#" + e.id)
			.concat(document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["the page scrolls sideways"] : [])`)
		require.Empty(t, over, "%d px", width)
	}
}

// accessible asks axe-core, in both themes and at the widths of a phone and of a screen.
func accessible(t *testing.T, b *browser) {
	axe, err := os.ReadFile(os.Getenv("AXE"))
	require.NoError(t, err, "AXE names axe.min.js")
	look[bool](t, b, string(axe)+"; true")
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1440} {
			b.run(t, chromedp.EmulateViewport(width, 900), features(theme))
			found := look[[]string](t, b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
				.then((r) => (r.passes.length > 10 ? [] : ["axe looked at nothing"]).concat(r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target + ": " + n.failureSummary))))`, chromedp.EvalAwaitPromise)
			require.Empty(t, found, "%s, %d px", theme, width)
		}
	}
}

func features(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		return err
	})
}

// screenshots draws the page for the README.
func screenshots(t *testing.T, b *browser) {
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	for name, c := range map[string]struct {
		theme         string
		width, height int64
	}{"dashboard-light.png": {"light", 1200, 1000}, "dashboard-dark.png": {"dark", 400, 860}} {
		b.run(t, chromedp.EmulateViewport(c.width, c.height), features(c.theme))
		look[bool](t, b, "(scrollTo(0, 0), true)")
		picture, err := chromedp.Run(b, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.Less(t, len(picture), 200_000)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), picture, 0o644))
	}
}
