package describe_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/describe"
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// world is a document with something of its own for each operation: a tag, a schema, an example, an answer, an extension.
const world = `
openapi: 3.0.3
info: {title: Leads of Acme, version: 2.1.0, description: The hidden secrets}
servers: [{url: https://api.example.com/v1}]
tags: [{name: leads, description: What sells}, {name: secrets, description: Hidden tag}]
x-hidden: {of: Hidden extension}
components:
  securitySchemes: {key: {type: http, scheme: bearer}}
  schemas:
    Lead:
      type: object
      required: [name]
      properties:
        name: {type: string, maxLength: 80, description: Who it is}
        score: {type: integer, minimum: 0, maximum: 100, nullable: true}
        kind: {$ref: "#/components/schemas/Kind"}
        items: {type: array, items: {type: object, properties: {sku: {type: string, description: What}}}}
    Kind: {type: string, enum: [new, "a|b"]}
    Secret: {type: object, properties: {hidden: {$ref: "#/components/schemas/Deeper"}}, example: {hidden: Hidden example}}
    Deeper: {type: string, description: Hidden deeper}
paths:
  /about: {get: {summary: What this is, tags: [leads], security: [], responses: {"200": {description: ok}}}}
  /leads/{lead-id}:
    get:
      operationId: getLead
      tags: [leads]
      security: [{key: [leads.read]}]
      parameters:
        - {name: lead-id, in: path, required: true, schema: {type: string}, description: Which}
        - {name: fields, in: query, style: form, explode: false, schema: {type: array, items: {type: string}}}
      responses: {"200": {description: A lead, content: {application/json: {schema: {$ref: "#/components/schemas/Lead"}}}}}
    put:
      summary: |
        # Change it
        - now
      description: "| all\n~~~\n## of it"
      x-tollgate: {cost: 3}
      security: [{key: [leads.write]}]
      parameters: [{name: lead-id, in: path, required: true, schema: {type: string}, example: l 1}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Lead"}}}}
      responses: {"204": {description: Done}}
  /secrets:
    get:
      operationId: hiddenOperation
      tags: [secrets]
      security: [{key: [secrets.hidden]}]
      responses: {"200": {description: Hidden answer, content: {application/json: {schema: {$ref: "#/components/schemas/Secret"}}}}}
`

type site struct {
	*describe.Site
	routes []*route.Route
}

// made is a site of the document and of some routes that are written.
func made(t *testing.T, document string, options describe.Options, written ...*route.Route) *site {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	d, err := openapi.Load(file)
	require.NoError(t, err)
	routes, _, err := d.Routes(openapi.Options{Public: true})
	require.NoError(t, err)
	table, replaced, err := route.NewOver(written, routes)
	require.NoError(t, err)
	options.Document, options.Path = d, "/docs"
	s, err := describe.New(options, table.Routes(), replaced)
	require.NoError(t, err)
	return &site{s, table.Routes()}
}

// caller may call the routes whose scopes it holds; with "public" alone it has no key.
func (s *site) caller(scopes ...string) *describe.Caller {
	held := map[string]bool{}
	for _, scope := range scopes {
		held[scope] = true
	}
	c := &describe.Caller{Key: strings.Join(scopes, " "), Base: "https://api.example.com", Routes: func(yield func(*route.Route, []string) bool) {
		for _, r := range s.routes {
			may := r.Public || !held["public"]
			for _, scope := range r.Scopes {
				may = may && (held[scope] || held["*"])
			}
			if may && !yield(r, r.Methods) {
				return
			}
		}
	}}
	if !held["public"] {
		c.Plan = record.DefaultPlans()["pro"]
		c.Limits = c.Plan.Windows
	}
	return c
}

func (s *site) text(t *testing.T, kind describe.Kind, c *describe.Caller) string {
	t.Helper()
	text, err := s.Document(kind, c)
	require.NoError(t, err)
	return string(text)
}

// TestNothingOfWhatIsHidden: nothing that only other operations use is in a caller's documents, whatever it is.
func TestNothingOfWhatIsHidden(t *testing.T) {
	s := made(t, world, describe.Options{Intro: "## Hidden intro"})
	for name, c := range map[string]*describe.Caller{"without a key": s.caller("public"), "with another scope": s.caller("leads.read", "leads.write")} {
		for _, kind := range describe.Kinds() {
			text := strings.ToLower(s.text(t, kind, c))
			text = strings.ReplaceAll(text, "## hidden intro", map[bool]string{true: "", false: "hidden"}[c.Plan != nil])
			require.NotContains(t, text, "hidden", name)
			require.NotContains(t, text, "secret", name)
		}
	}
	require.NotContains(t, s.text(t, describe.OpenAPI, s.caller("public")), "leads/")
	all := s.text(t, describe.OpenAPI, s.caller("*"))
	for _, of := range []string{"hiddenOperation", "Hidden tag", "Hidden example", "Hidden deeper", "Hidden answer", `"secrets.hidden"`} {
		require.Contains(t, all, of, "a test that finds nothing proves nothing")
	}
	require.NotContains(t, all, "x-hidden")
}

// TestSkill: what SKILL.md says of an operation; texts of the document are nothing but texts.
func TestSkill(t *testing.T) {
	s := made(t, world, describe.Options{Name: "acme", Description: `Sell: "more" # now`, Contact: "api@example.com", Intro: "## Before you begin"})
	text := s.text(t, describe.Skill, s.caller("leads.read", "leads.write"))
	require.True(t, strings.HasPrefix(text, "---\nname: acme\ndescription: \"Sell: \\\"more\\\" # now\"\n---\n\n# Leads of Acme\n"), text[:100])
	for _, part := range []string{
		"Base URL: `https://api.example.com`.", "A key is had from <mailto:api@example.com>.", "## Before you begin", "plan `pro`: 200 requests in 1m",
		"### GET /v1/about\n\nWhat this is. Public: no key needed.\n", "curl -s \"$BASE/v1/about\"",
		"### GET /v1/leads/{lead-id}\n\nScope: `leads.read`.\n", "| `lead-id` | path | text | Which |", "| `fields` | query | list of text, with commas between them |",
		`curl -s -H "Authorization: Bearer $KEY" "$BASE/v1/leads/$LEAD_ID"`, "Answers: 200: A lead.", `{"name":"text","score":0,"kind":"new","items":[{"sku":"text"}]}`,
		"### PUT /v1/leads/{lead-id}\n\n\\# Change it - now. Scope: `leads.write`. Counts as 3 requests.\n\n\\| all ~~~ ## of it.\n",
		"| `name` | body, required | text, up to 80 characters | Who it is |", "| `score` | body | integer 0–100, or null |  |", "| `kind` | body | one of `new`, `a\\|b` |",
		"| `items[].sku` | body | text | What |", `"$BASE/v1/leads/l%201" \` + "\n  -d '{\"name\":\"text\"}'",
	} {
		require.Contains(t, text, part)
	}
	public := s.text(t, describe.Skill, s.caller("public"))
	require.Contains(t, public, "This page was read without a key and names what is public.")
	require.NotContains(t, public, "Before you begin")
	require.NotContains(t, public, "### GET /v1/leads")
	require.Contains(t, s.text(t, describe.LLMs, s.caller("public")), "# Leads of Acme\n\n> Sell: \"more\" # now\n")
}

// TestOpenAPI: the document that a caller gets makes the routes that it may call, with the same scopes.
func TestOpenAPI(t *testing.T) {
	s := made(t, world, describe.Options{}, &route.Route{Methods: []string{"GET"}, Pattern: "/v1/leads/:id", Scopes: []string{"own.read"}, Cost: 7},
		&route.Route{Methods: []string{"GET", "POST"}, Pattern: "/files/:name/*", Scopes: []string{"files.:name"}}, &route.Route{Methods: []string{"OPTIONS"}, Pattern: "/*", Public: true},
		&route.Route{Methods: []string{"POST", "GET"}, Pattern: "/mcp", MCP: true}, &route.Route{Methods: []string{"GET"}, Pattern: "/.well-known/oauth-protected-resource/mcp", Public: true, MCP: true},
		&route.Route{Methods: []string{"GET"}, Pattern: "/.well-known/leads", Public: true})
	text := s.text(t, describe.OpenAPI, s.caller("*", "own.read", "files.:name"))
	require.Equal(t, text, s.text(t, describe.OpenAPI, s.caller("*", "own.read", "files.:name")))
	file := filepath.Join(t.TempDir(), "openapi.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	d, err := openapi.Load(file)
	require.NoError(t, err)
	var table []string
	routes, _, err := d.Routes(openapi.Options{Public: true, Validate: true, Scopes: []openapi.Naming{{Scope: "files.{name}", Key: "files.any"}}})
	require.NoError(t, err, text)
	for _, r := range routes {
		table = append(table, r.Methods[0]+" "+r.Pattern+" "+strings.Join(r.Scopes, " "))
	}
	require.ElementsMatch(t, []string{
		"GET /v1/about ", "GET /v1/leads/:lead_id own.read", "PUT /v1/leads/:lead_id leads.write", "GET /v1/secrets secrets.hidden",
		"GET /files/:name/:rest files.any", "POST /files/:name/:rest files.any", "GET /.well-known/leads ",
	}, table, text)
	require.Contains(t, text, `"servers":[{"url":"https://api.example.com"}]`)
	require.Contains(t, text, `"x-tollgate":{"cost":7}`)
	require.Contains(t, text, `"/v1/leads/{lead-id}":{"get":{"tags":["leads"],"operationId":"getLead"`, "the document describes the route in its place")
	require.Contains(t, s.text(t, describe.OpenAPI, &describe.Caller{Routes: s.caller("*").Routes}), `"servers":[{"url":"/"}]`, "a host that nobody knows")
}

// TestIndex: the digest is that of SKILL.md as it is served to the same client.
func TestIndex(t *testing.T) {
	s := made(t, world, describe.Options{Name: "acme", Description: "Sell"})
	for _, base := range []string{"", "http://a.example", "https://b.example:8443"} {
		c := s.caller("public")
		c.Base = base
		sum := sha256.Sum256([]byte(s.text(t, describe.Skill, c)))
		require.JSONEq(t, `{"$schema": "https://schemas.agentskills.io/discovery/0.2.0/schema.json", "skills": [{"name": "acme", "type": "skill-md", "description": "Sell",
			"url": "`+base+`/docs/SKILL.md", "digest": "sha256:`+hex.EncodeToString(sum[:])+`"}]}`, s.text(t, describe.Index, c))
		require.JSONEq(t, `{"linkset": [{"anchor": "`+base+`/docs", "service-desc": [{"href": "`+base+`/docs/openapi.json", "type": "application/json"}],
			"service-doc": [{"href": "`+base+`/docs/SKILL.md", "type": "text/markdown"}]}]}`, s.text(t, describe.Catalog, c))
	}
}

// TestAnotherCaller: what is remembered of one caller is not given to another with other routes, another plan or none.
func TestAnotherCaller(t *testing.T) {
	s := made(t, world, describe.Options{Everything: true, Plans: record.DefaultPlans()})
	denied := s.caller("public")
	denied.Plan = record.DefaultPlans()["free"]
	seen := map[string]bool{}
	for _, c := range []*describe.Caller{s.caller("public"), s.caller("leads.read"), s.caller("leads.write"), denied} {
		text := s.text(t, describe.Skill, c)
		require.False(t, seen[text])
		seen[text] = true
		require.Equal(t, text, s.text(t, describe.Skill, c))
	}
	require.Contains(t, s.text(t, describe.Skill, s.caller("public")), "| enterprise | 600 requests in 1m |")
	require.Contains(t, s.text(t, describe.Skill, denied), "every request is answered 403")
}

// TestAnAPIOfManyOperations is told of in a line each: SKILL.md is to be short.
func TestAnAPIOfManyOperations(t *testing.T) {
	var b strings.Builder
	b.WriteString("openapi: 3.1.0\ninfo: {title: \"\", version: \"1\"}\npaths:\n")
	for n := range 120 {
		b.WriteString("  /a" + strings.Repeat("b", n) + ": {get: {summary: Get it, responses: {\"200\": {description: ok}}}}\n")
	}
	s := made(t, b.String(), describe.Options{Except: []openapi.Selection{{Methods: []string{"GET"}, Path: "/abb"}}})
	text := s.text(t, describe.Skill, s.caller("*"))
	require.Less(t, strings.Count(text, "\n"), 500)
	require.Contains(t, text, "- `GET /ab`: Get it. Any valid key.\n")
	require.NotContains(t, text, "- `GET /abb`:")
	require.Contains(t, text, "name: api\n")
	var doc struct{ Paths map[string]any }
	require.NoError(t, json.Unmarshal([]byte(s.text(t, describe.OpenAPI, s.caller("*"))), &doc))
	require.Len(t, doc.Paths, 119)
}

// TestMistakes: what an operator may write of it.
func TestMistakes(t *testing.T) {
	for name, wrong := range map[string]error{
		"name":             describe.CheckName("Acme"),
		"name with ends":   describe.CheckName("-acme"),
		"name too long":    describe.CheckName(strings.Repeat("a", 65)),
		"description":      describe.CheckDescription("a\nb"),
		"no description":   describe.CheckDescription(" "),
		"long description": describe.CheckDescription(strings.Repeat("é", 1025)),
		"title":            describe.CheckTitle("\x00"),
		"contact":          describe.CheckContact("javascript:alert(1)"),
		"plain http":       describe.CheckContact("http://example.com"),
		"quoted":           describe.CheckContact("https://example.com/\">"),
		"named":            describe.CheckContact("A <a@example.com>"),
		"front matter":     describe.CheckIntro([]byte("---\nname: a\n---\n")),
		"not UTF-8":        describe.CheckIntro([]byte("\xff")),
	} {
		require.Error(t, wrong, name)
	}
	require.NoError(t, describe.CheckName("acme-leads-2"))
	require.NoError(t, describe.CheckDescription(strings.Repeat("é", 1024)))
	require.NoError(t, describe.CheckContact("api@example.com"))
	require.NoError(t, describe.CheckContact("https://example.com/keys?a=b"))
	require.NoError(t, describe.CheckIntro([]byte("# Hello\n\n---\n")))
}

// TestWhatStandsInPlaceOfAnOperation is told of as what it is, and paths as the document writes them.
func TestWhatStandsInPlaceOfAnOperation(t *testing.T) {
	t.Parallel()
	s := made(t, `
openapi: 3.1.0
paths:
  /me: {get: {summary: Hidden admin, security: [{key: [hidden.read]}], tags: [Hidden], responses: {"200": {description: Hidden answer}}}}
  /leads:batch: {get: {responses: {"200": {description: ok}}}}
  /st*r/{id}: {get: {responses: {"200": {description: ok}}}}
  /search: {get: {requestBody: {required: true, content: {application/json: {schema: {type: object, required: [q], properties: {q: {type: string}}}}}}, responses: {"200": {description: ok}}}}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
`, describe.Options{Path: "/api"}, &route.Route{Methods: []string{"GET"}, Pattern: "/me", Whoami: true})
	document, skill := s.text(t, describe.OpenAPI, s.caller()), s.text(t, describe.Skill, s.caller())
	for _, text := range []string{document, skill} {
		require.NotContains(t, strings.ToLower(text), "hidden")
		require.Contains(t, text, "Who the key is")
	}
	require.Contains(t, document, `"/leads:batch":`)
	require.Contains(t, document, `"/st*r/{id}":`)
	require.Contains(t, skill, `"$BASE/leads:batch"`)
	require.Contains(t, skill, ` -X GET -H "Content-Type: application/json" "$BASE/search"`) // -d alone would POST
}

// TestVariablesOfExamplesAreNobodyElses: who pastes one must not send the key, or what the shell has, in the place of a parameter.
func TestVariablesOfExamplesAreNobodyElses(t *testing.T) {
	t.Parallel()
	s := made(t, `
openapi: 3.1.0
paths:
  /keys/{key}/{path}/{user}/{id}: {get: {parameters: [{name: key, in: path, schema: {type: string}}, {name: base, in: query, required: true, schema: {type: string, pattern: a}}]}}
`, describe.Options{Path: "/api"})
	require.Contains(t, s.text(t, describe.Skill, s.caller()), `"$BASE/keys/$PKEY/$PPATH/$PUSER/$ID?base=$PBASE"`)
}

// TestExamplesOfRequestsAndAnswers have nothing that the other has alone.
func TestExamplesOfRequestsAndAnswers(t *testing.T) {
	t.Parallel()
	s := made(t, `
openapi: 3.1.0
components:
  schemas:
    ID: {type: string, readOnly: true}
    User: {type: object, required: [id, at, name, password], properties: {id: {$ref: "#/components/schemas/ID"}, at: {type: integer, readOnly: true}, name: {type: string}, password: {type: string, writeOnly: true}}}
paths:
  /users: {post: {requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}}, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}}}}}
`, describe.Options{Path: "/api"})
	skill := s.text(t, describe.Skill, s.caller())
	require.Contains(t, skill, `-d '{"name":"text","password":"text"}'`)
	require.Contains(t, skill, "\n{\"id\":\"text\",\"at\":1,\"name\":\"text\"}\n")
}

// TestWhatAnAllOfAsksFor is told as asked for, whichever of its parts has the property, and nothing that only answers have.
func TestWhatAnAllOfAsksFor(t *testing.T) {
	t.Parallel()
	s := made(t, `
openapi: 3.0.3
components:
  schemas:
    ID: {type: string, readOnly: true}
    Lead: {type: object, properties: {id: {allOf: [{$ref: "#/components/schemas/ID"}], description: its id}, name: {type: string}, note: {type: string}}}
paths:
  /leads: {post: {requestBody: {required: true, content: {application/json: {schema: {allOf: [{$ref: "#/components/schemas/Lead"}, {type: object, required: [id, name]}]}}}}}}
`, describe.Options{Path: "/api"})
	skill := s.text(t, describe.Skill, s.caller())
	require.Contains(t, skill, "| `name` | body, required |")
	require.Contains(t, skill, "| `note` | body |")
	require.NotContains(t, skill, "| `id` |")
}
