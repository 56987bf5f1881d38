package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

const describing = "openapi api/openapi.yaml {\npublic\n}\ndescribe /docs {\nskill leads \"Who buys.\"\n}\nwhoami /me"

// TestACallerIsToldWhatItMayDo: whoever comes without a key of what is public, and a key of what it may call, from where it is used.
func TestACallerIsToldWhatItMayDo(t *testing.T) {
	g, setup := documented(t, "/about=- /leads=agent.leads.read /leads/{lead-id}=agent.leads.write", describing)
	setup.Options += "\nplan bigger 200000/1m"
	const costly = "\nroute GET /doc/costly {\ncost 200000\n}"
	setup.Gate += costly
	require.NoError(t, g.Load(setup.Caddyfile()))
	get := func(path, key string) *harness.Answer {
		t.Helper()
		a := g.Do(t, harness.Request{Path: path, Key: key})
		require.Equal(t, 200, a.Status, a.Body)
		require.Equal(t, "Authorization", a.Header.Get("Vary"))
		require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
		return a
	}
	paths := func(key string) (list []string) {
		t.Helper()
		a := get("/docs/openapi.json", key)
		var doc struct {
			Servers []struct{ URL string }
			Paths   map[string]map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(a.Body), &doc))
		require.Equal(t, "http://"+g.Addr, doc.Servers[0].URL)
		skill := get("/docs/SKILL.md", key).Body
		for path, methods := range doc.Paths {
			for method := range methods {
				list = append(list, path)
				require.Contains(t, skill, "\n### "+strings.ToUpper(method)+" "+path+"\n")
			}
		}
		require.Equal(t, len(list), strings.Count(skill, "\n### "), "SKILL.md names the same")
		return list
	}
	require.Equal(t, []string{"/doc/about"}, paths(""))
	require.ElementsMatch(t, []string{"/doc/about", "/me", "/doc/leads"}, paths(harness.Reader), "what costs more than its limit is no call of its own")
	require.ElementsMatch(t, []string{"/doc/about", "/me", "/doc/leads", "/doc/leads/{lead_id}"}, paths(harness.CRM))
	require.ElementsMatch(t, []string{"/doc/about", "/me"}, paths(harness.Elsewhere), "from outside its allowlist")
	require.ElementsMatch(t, []string{"/doc/about", "/me"}, paths(harness.Denied))
	require.Empty(t, g.Backend.Seen())

	private, public := get("/docs/SKILL.md", harness.Reader), get("/docs/SKILL.md", "")
	require.Equal(t, []string{"private, no-cache", ""}, []string{private.Header.Get("Cache-Control"), private.Header.Get("ETag")})
	require.Equal(t, "public, max-age=60", public.Header.Get("Cache-Control"))
	private.CheckLimits(t, harness.Workspace)
	public.CheckLimits(t, harness.PublicLimit)

	g.Run(t, []harness.Case{
		{Name: "a key that nobody knows", Request: harness.Request{Path: "/docs/SKILL.md", Key: harness.Unknown}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
		{Name: "a key that ended", Request: harness.Request{Path: "/docs/openapi.json", Key: harness.Expired}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
		{Name: "a header that is empty", Request: harness.Request{Path: "/docs/openapi.json", Header: harness.Header("Authorization", "")}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
		{Name: "a suspended workspace", Request: harness.Request{Path: "/docs/SKILL.md", Key: harness.Suspended}, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace},
		{Name: "another method", Request: harness.Request{Method: "POST", Path: "/docs/SKILL.md", Key: harness.Reader}, Status: 404, Code: "NOT_FOUND", Limits: harness.Workspace},
	})
	for _, refused := range []harness.Request{{Path: "/doc/leads"}, {Path: "/nothing", Key: harness.Reader}} {
		require.Equal(t, `</docs/openapi.json>; rel="service-desc"`, g.Do(t, refused).Header.Get("Link"))
	}
	require.Empty(t, g.Do(t, harness.Request{Path: "/doc/leads/l1", Key: harness.Reader}).Header.Get("Link"), "403 has nothing to look up")

	g.WriteFile(t, "api/openapi.yaml", described("/new=agent.leads.read"))
	require.Eventually(t, func() bool { return answer(t, g, "/doc/new", harness.Reader) == 200 }, harness.WaitFor, harness.Tick)
	require.ElementsMatch(t, []string{"/me", "/doc/new"}, paths(harness.Reader))
	setup.Gate = strings.Replace(describing, "skill", "everything\nskill", 1) + costly
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.ElementsMatch(t, []string{"/doc/new", "/me", "/doc/costly"}, paths(""), "everything")
	require.NotContains(t, paths(harness.Denied), "/doc/new", "a key reads of its own")
}

// TestWhatLeadsToTheDescription: from the host alone to the bytes of SKILL.md; a HEAD, and what has not changed.
func TestWhatLeadsToTheDescription(t *testing.T) {
	g, _ := documented(t, "/about=- /leads=agent.leads.read", describing)
	get := func(path string, header ...string) *harness.Answer {
		t.Helper()
		return g.Do(t, harness.Request{Path: path, Header: harness.Header(header...)})
	}
	var index struct {
		Skills []struct{ Name, URL, Digest string }
	}
	require.NoError(t, json.Unmarshal([]byte(get("/.well-known/agent-skills/index.json").Body), &index))
	require.Equal(t, "http://"+g.Addr+"/docs/SKILL.md", index.Skills[0].URL)
	sum := sha256.Sum256([]byte(get("/docs/SKILL.md").Body))
	require.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), index.Skills[0].Digest)
	require.Equal(t, get("/.well-known/agent-skills/index.json").Body,
		g.Do(t, harness.Request{Path: "/.well-known/agent-skills/index.json", Key: harness.CRM}).Body, "the index is of what the public is served")

	catalog := get("/.well-known/api-catalog")
	require.Equal(t, `application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"`, catalog.Header.Get("Content-Type"))
	require.Contains(t, catalog.Body, `"service-desc":[{"href":"http://`+g.Addr+`/docs/openapi.json","type":"application/json"}]`)
	head := g.Do(t, harness.Request{Method: "HEAD", Path: "/.well-known/api-catalog"})
	require.Equal(t, []string{"", `</.well-known/api-catalog>; rel="api-catalog"`}, []string{head.Body, head.Header.Get("Link")})
	require.Contains(t, get("/docs/llms.txt").Body, "](http://"+g.Addr+"/docs/SKILL.md)")

	for _, path := range []string{"/docs/SKILL.md", "/docs/openapi.json", "/docs/llms.txt", "/.well-known/agent-skills/index.json", "/.well-known/api-catalog"} {
		tag := get(path).Header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f]{32}"$`, tag)
		same := get(path, "If-None-Match", `"other", W/`+tag)
		require.Equal(t, []any{304, "", tag}, []any{same.Status, same.Body, same.Header.Get("ETag")}, path)
		require.Equal(t, 200, get(path, "If-None-Match", `"other"`).Status)
	}
}

// TestAHostThatIsNone: what a caller writes into Host comes into no document but as a plain name, and the tag is that of the bytes.
func TestAHostThatIsNone(t *testing.T) {
	g, _ := documented(t, "/about=-", describing)
	ask := func(host, path string) *harness.Answer {
		t.Helper()
		return g.Raw(t, "GET", "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	}
	tags := map[string]bool{}
	for _, host := range []string{"api.example.com", "other.example.com:8443", "[2001:db8::1]:80"} {
		a := ask(host, "/docs/openapi.json")
		require.Contains(t, a.Body, `"servers":[{"url":"http://`+host+`"}]`)
		tags[a.Header.Get("ETag")] = true
	}
	require.Len(t, tags, 3)
	for _, host := range []string{`a"b`, "a`$(id)`", "user@host", strings.Repeat("a", 300), "<script>", "a%20b", ":80", "a:b:c", "a:b", "[::1", "a]:1"} {
		a := ask(host, "/docs/openapi.json")
		if a.Status == http.StatusBadRequest {
			continue // net/http refuses it
		}
		require.Contains(t, a.Body, `"servers":[{"url":"/"}]`, host)
		require.NotContains(t, ask(host, "/docs/SKILL.md").Body, host)
	}
}

// TestDescriptionsAreThrottled: each address without a key, and each key, from inside and outside its allowlist apart.
func TestDescriptionsAreThrottled(t *testing.T) {
	g, setup := documented(t, "/about=-", describing)
	setup.Gate = strings.Replace(describing, "skill", "limit 2/1h\nskill", 1)
	require.NoError(t, g.Load(setup.Caddyfile()))
	ask := func(key string) int {
		t.Helper()
		return g.Do(t, harness.Request{Path: "/docs/llms.txt", Key: key}).Status
	}
	for _, key := range []string{"", harness.Reader, harness.CRM, harness.Elsewhere} {
		require.Equal(t, []int{200, 200, 429, 429}, []int{ask(key), ask(key), ask(key), ask(key)}, key)
	}
	refused := g.Do(t, harness.Request{Path: "/docs/llms.txt", Key: harness.Reader})
	refused.CheckEnvelope(t, "RATE_LIMITED", false)
	require.Positive(t, refused.Number(t, "Retry-After"))
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/docs/SKILL.md", Key: harness.Reader}).Status, "each document counts by itself")
}

// TestTextsAreWatched: what the operator writes beside the document is told as it is now, and the last good words while it is wrong.
func TestTextsAreWatched(t *testing.T) {
	g, setup := documented(t, "/about=-", describing)
	g.WriteFile(t, "intro.md", "First words.")
	g.WriteFile(t, "agents.md", "First advice.")
	setup.Gate = strings.Replace(describing, "skill", "limit 1000000/1m\nintro intro.md\nskill", 1) + "\nmcp /mcp {\ninstructions agents.md\n}"
	require.NoError(t, g.Load(setup.Caddyfile()))
	skill := func() string { return g.Do(t, harness.Request{Path: "/docs/SKILL.md", Key: harness.Reader}).Body }
	advice := func() string {
		return g.Do(t, harness.Request{
			Method: "POST", Path: "/mcp", Key: harness.Reader, Header: harness.Header("Content-Type", "application/json", "Accept", "application/json, text/event-stream"),
			Body: `{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}`,
		}).Body
	}
	soon := func(say func() string, words string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(say(), words) }, harness.WaitFor, harness.Tick, words)
	}
	require.Contains(t, skill(), "First words.")
	require.Contains(t, advice(), "First advice.")
	g.WriteFile(t, "intro.md", "Other words.")
	soon(skill, "Other words.")
	g.WriteFile(t, "agents.md", "Other advice.")
	soon(advice, "Other advice.")

	g.WriteFile(t, "intro.md", "---\nname: x\n---\n")
	soon(func() string { return g.ReadFile(t, "caddy.log") }, "texts for callers are not taken, the last good ones go on")
	require.Contains(t, g.ReadFile(t, "caddy.log"), "intro.md: an intro has no front matter")
	require.Contains(t, skill(), "Other words.")
	g.WriteFile(t, "intro.md", "Last words.")
	soon(skill, "Last words.")
	g.WriteFile(t, "api/openapi.yaml", described("/told=agent.leads.read"))
	soon(skill, "/doc/told")
	require.Contains(t, skill(), "Last words.")
}

// TestMistakesOfADescription are told with file and line when the configuration is loaded.
func TestMistakesOfADescription(t *testing.T) {
	g, setup := documented(t, "/about=-", describing)
	for intro, want := range map[string]string{
		"":                    "Caddyfile:38: describe: reading the intro: open ",
		"---\nname: x\n---\n": "intro.md: an intro has no front matter: remove it",
		"\xff":                "Caddyfile:38: describe: " + g.Dir + "/intro.md: an intro is Markdown in UTF-8 of at most 64 KiB",
	} {
		_ = os.Remove(filepath.Join(g.Dir, "intro.md")) // of the case before, in whatever order they come
		if intro != "" {
			g.WriteFile(t, "intro.md", intro)
		}
		setup.Gate = strings.Replace(describing, "skill", "intro intro.md\nskill", 1)
		require.ErrorContains(t, g.Load(setup.Caddyfile()), want)
	}
	setup.Gate = describing + "\npublic GET /.well-known/api-catalog"
	require.ErrorContains(t, g.Load(setup.Caddyfile()), `GET requests match route "/.well-known/api-catalog"`)
}

// TestMistakesOfTheWordDescribe are told with file and line when the Caddyfile is read.
func TestMistakesOfTheWordDescribe(t *testing.T) {
	for name, m := range map[string]mistake{
		"describe without a path":       {gate("describe"), "Caddyfile:3"},
		"describe of a pattern":         {gate("describe /docs/:id"), "describe: path '/docs/:id' is not valid: write where the documents are to lie"},
		"describe with a final slash":   {gate("describe /docs/"), "path '/docs/' is not valid"},
		"describe elsewhere":            {gate("describe docs"), "path 'docs' is not valid"},
		"describe above":                {gate("describe /docs/.."), "path '/docs/..' is not valid"},
		"describe twice":                {gate("describe /a\n\t\tdescribe /b"), "'describe' is given twice"},
		"describe unknown option":       {gate("describe /a {\n\t\t\tskil x\n\t\t}"), "unknown option 'skil' of describe: write one of skill, intro, title, contact, except, limit, everything, at /etc/caddy/Caddyfile:4"},
		"describe option twice":         {gate("describe /a {\n\t\t\ttitle a\n\t\t\ttitle b\n\t\t}"), "'title' is given twice: keep one of them, at /etc/caddy/Caddyfile:5"},
		"skill without a description":   {gate("describe /a {\n\t\t\tskill acme\n\t\t}"), "skill: write the skill's name and what it is for, such as: skill acme-leads"},
		"skill of several words":        {gate("describe /a {\n\t\t\tskill Acme_Leads x\n\t\t}"), "'Acme_Leads' is not a name for a skill: write 1 to 64 of a-z, 0-9"},
		"skill of nothing":              {gate("describe /a {\n\t\t\tskill acme \" \"\n\t\t}"), "one line of 1 to 1024 characters"},
		"contact of nobody":             {gate("describe /a {\n\t\t\tcontact acme\n\t\t}"), "contact 'acme' is neither a mail address nor an https address"},
		"intro of several files":        {gate("describe /a {\n\t\t\tintro a b\n\t\t}"), "write the path of one Markdown file"},
		"except without methods":        {gate("describe /a {\n\t\t\texcept /b /c\n\t\t}"), "the method comes first"},
		"limit of descriptions":         {gate("describe /a {\n\t\t\tlimit 60\n\t\t}"), "Caddyfile:4"},
		"everything of something":       {gate("describe /a {\n\t\t\teverything /b\n\t\t}"), "everything: takes no more words"},
		"describe where a route stands": {gate("describe /a\n\t\troute GET /a/SKILL.md"), "GET requests match route"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := harness.Adapt(m.text, "/etc/caddy/Caddyfile")
			require.ErrorContains(t, err, m.want)
			require.ErrorContains(t, err, "/etc/caddy/Caddyfile:", "the error names file and line")
		})
	}
}

// TestExceptOfNothing is refused: who misspells what nobody is to be told of would tell of it.
func TestExceptOfNothing(t *testing.T) {
	g, setup := documented(t, "/about=- /leads=agent.leads.read", describing)
	for except, wrong := range map[string]string{"GET /doc/leads": "", "GET /doc/*": "", "GET /me": "", "GET /leads": "GET /leads", "POST /doc/leads": "POST /doc/leads", "GET /docs/SKILL.md": "GET /docs/SKILL.md"} {
		changed := setup
		changed.Gate = strings.Replace(setup.Gate, "describe /docs {", "describe /docs {\nexcept "+except, 1)
		if err := g.Load(changed.Caddyfile()); wrong == "" {
			require.NoError(t, err, except)
		} else {
			require.ErrorContains(t, err, "no operation that callers are told of is "+wrong+": correct or remove it", except)
			require.ErrorContains(t, err, "Caddyfile:")
		}
	}
}
