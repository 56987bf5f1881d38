package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
	"github.com/tollgate-gateway/tollgate/examples/shipped"
)

// fifty are keys with random scopes: in a workspace that may use the API, from anywhere or from a network that the test is in or not, and
// some on a plan that may not.
func fifty() (text string, secrets []string) {
	random := rand.New(rand.NewPCG(50, 21))
	pool := append(scopes(), "agent.*", "agent.leads.*", "*", "agent", "agent.leads", "other.read", "agent.leads.read.more")
	lines := map[string]string{}
	for n := range 50 {
		random.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		held, space, networks := pool[:random.IntN(5)], "ws_acme", ""
		switch {
		case n%10 == 3:
			networks = ", allowed_ips: [127.0.0.0/8]"
		case n%10 == 6:
			networks = ", allowed_ips: [203.0.113.0/24]"
		case n%10 == 9:
			space = "ws_trial"
		}
		quoted, _ := json.Marshal(held)
		secret := fmt.Sprintf("secret-number-%d-of-fifty", n)
		lines[space] += fmt.Sprintf("      - {id: key_%d, name: key, sha256: $SHA(%s), scopes: %s%s}\n", n, secret, quoted, networks)
		secrets = append(secrets, secret)
	}
	return "workspaces:\n  - id: ws_acme\n    plan: pro\n    limits: [100000/1m]\n    keys:\n" + lines["ws_acme"] +
		"      - {id: key_all, name: all, sha256: $SHA(" + acme + "), scopes: [\"*\"]}\n" +
		"  - id: ws_trial\n    plan: trial\n    keys:\n" + lines["ws_trial"], secrets
}

// found is what a program finds that knows the host alone.
type found struct {
	// calls are the requests that the document names, each by method and path.
	calls map[string]harness.Request
}

// find goes from the host to the documents of a key.
func find(t *testing.T, g *harness.Gateway, key string) found {
	t.Helper()
	read := func(address, key string) string {
		t.Helper()
		a := g.Do(t, harness.Request{Path: strings.TrimPrefix(address, "http://"+g.Addr), Key: key})
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		return a.Body
	}
	index := decode[struct {
		Skills []struct{ Type, URL, Digest string }
	}](t, read("/.well-known/agent-skills/index.json", key))
	require.Len(t, index.Skills, 1)
	skill := read(index.Skills[0].URL, key)
	document := regexp.MustCompile("`(/[^`]+/openapi\\.json)`").FindStringSubmatch(skill)
	require.NotNil(t, document)
	doc := decode[struct {
		Servers []struct{ URL string }
		Paths   map[string]map[string]described
	}](t, read(document[1], key))
	f := found{map[string]harness.Request{}}
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			f.calls[strings.ToUpper(method)+" "+path] = operation.request(strings.ToUpper(method), path, key)
		}
	}
	named := regexp.MustCompile(`(?m)^### ([A-Z]+ /\S+)$`).FindAllStringSubmatch(skill, -1)
	require.Len(t, named, len(f.calls), "SKILL.md and openapi.json name the same")
	for _, heading := range named {
		require.Contains(t, f.calls, heading[1])
	}
	return f
}

// described is an operation of openapi.json.
type described struct {
	Parameters []struct {
		Name, In string
		Required bool
		Schema   struct{ Examples []string }
	}
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
}

// request is made of what the document says, and nothing else.
func (d described) request(method, path, key string) harness.Request {
	r := harness.Request{Method: method, Key: key, Header: http.Header{}}
	for _, p := range d.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(p.Schema.Examples[0]))
		}
	}
	r.Path = path
	for kind, content := range d.RequestBody.Content {
		r.Header.Set("Content-Type", kind)
		r.Body = string(content.Example)
	}
	return r
}

// TestFiftyKeys: a program that knows the host alone finds what each key may call, every call that is named succeeds, and no other one does.
func TestFiftyKeys(t *testing.T) {
	g, secrets := describedGateway(t)
	everything := find(t, g, acme).calls
	require.Len(t, everything, 13, "twelve of the document, and whoami: %v", slices.Sorted(maps.Keys(everything)))
	kinds := map[int]int{}
	calls, refused := 0, 0
	for n, key := range secrets {
		named := find(t, g, key).calls
		kinds[len(named)]++
		g.Backend.Seen()
		for name, r := range named {
			a := g.Do(t, r)
			require.True(t, a.Status >= 200 && a.Status < 300, "key %d: %s: %d %s", n, name, a.Status, a.Body)
			calls++
		}
		g.Backend.Seen()
		for name, r := range everything {
			if _, is := named[name]; is {
				continue
			}
			r.Key = key
			a := g.Do(t, r)
			require.Equal(t, http.StatusForbidden, a.Status, "key %d: %s: %s", n, name, a.Body)
			refused++
		}
		require.Empty(t, g.Backend.Seen(), "key %d", n)
	}
	require.Greater(t, len(kinds), 5, "the keys differ: %v", kinds)
	require.Equal(t, 50*13, calls+refused)
	require.Greater(t, calls, 100)
	require.Greater(t, refused, 100)
	t.Logf("%d calls that documents name, %d that they do not", calls, refused)
}

// TestWithoutAKeyNothingIsNamedThatIsNotPublic: no document has a path, a scope, an operation or a schema of it, and 401 is all that it meets.
func TestWithoutAKeyNothingIsNamedThatIsNotPublic(t *testing.T) {
	g, _ := describedGateway(t)
	var words []string
	for _, route := range agentapi.Routes() {
		if route.Scope != "" {
			words = append(words, agentapi.Base+route.Path+`"`, agentapi.Base+route.Path+"`", agentapi.Base+route.Path+"\n", route.Scope)
		}
	}
	for _, operation := range document(t).Operations() {
		if operation.Scope != "" {
			words = append(words, operation.ID, operation.Summary)
		}
	}
	words = append(words, slices.Collect(maps.Keys(document(t).Components.Schemas))...)
	words = slices.DeleteFunc(words, func(word string) bool { return word == "Error" }) // which is a word of its own
	seen := ""
	for _, path := range []string{"/api/v2/agent/SKILL.md", "/api/v2/agent/openapi.json", "/api/v2/agent/llms.txt", "/.well-known/agent-skills/index.json", "/.well-known/api-catalog"} {
		a := g.Do(t, harness.Request{Path: path})
		require.Equal(t, http.StatusOK, a.Status)
		for _, word := range words {
			require.NotContains(t, a.Body, word, path)
		}
		if strings.HasSuffix(path, "index.json") {
			sum := sha256.Sum256([]byte(seen))
			require.Contains(t, a.Body, hex.EncodeToString(sum[:]), "the digest is of what the public is served")
		}
		if strings.HasSuffix(path, "SKILL.md") {
			seen = a.Body
		}
	}
	require.Empty(t, find(t, g, "").calls)
	for name, r := range find(t, g, acme).calls {
		r.Key = ""
		require.Equal(t, http.StatusUnauthorized, g.Do(t, r).Status, name)
	}
}

func describedGateway(t *testing.T) (*harness.Gateway, []string) {
	t.Helper()
	text, secrets := fifty()
	api, err := agentapi.New(context.Background(), agentapi.Options{Seed: []string{"ws_acme"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	return shipped.Start(t, shipped.Setup{
		Files: documents(t), Caddyfile: "Caddyfile", Backend: api, Keys: text, Options: "policy_timeout 20s\nrefusal_throttle off",
	}), secrets
}
