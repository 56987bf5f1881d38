package main

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDocumentOfTheReadmeCanBeNamed: the README's block of openapi loads as it stands, beside a document with the operations
// that it names, and routes shows what it says.
func TestTheDocumentOfTheReadmeCanBeNamed(t *testing.T) {
	text, _ := readme(t)
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(text, -1)
	require.Len(t, blocks, 2)
	w := newWorld(t)
	w.write(t, "openapi.yaml", `openapi: 3.1.1
servers: [{url: https://api.example.com/v1}]
components: {securitySchemes: {bearerAuth: {type: http, scheme: bearer}, oauth: {type: oauth2}}}
security: [{bearerAuth: [agent.leads.read]}, {oauth: [leads]}]
paths:
  /leads: {get: {}, post: {}, put: {}}
  /files/{name}.{ext}: {get: {}}
  /about: {get: {security: []}}
  /pets: {post: {security: [{oauth: ['write:pets']}]}}
`)
	place := w.write(t, "Caddyfile", "{\n\tadmin off\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n:8080 {\n"+blocks[0][1]+"}\n")
	require.Contains(t, w.paste(t, fmt.Sprintf("%q validate --config %q 2>&1", os.Args[0], place)), "a route stands in place of an operation of the document")
	require.Equal(t, `METHODS          PATH                NEEDS              COST  SOURCE
POST             /v1/leads           agent.leads.write  1     Caddyfile:19
POST,GET,DELETE  /mcp                mcp                -     Caddyfile:18
GET              /.well-known/oaut…  public             -     Caddyfile:18
GET              /.well-known/oaut…  public             -     Caddyfile:18
GET              /v1/leads           agent.leads.read   1     openapi.yaml:6
GET              /v1/about           public             -     openapi.yaml:8
POST             /v1/pets            pets.write         1     openapi.yaml:9
`, regexp.MustCompile(`\S*/(Caddyfile|openapi\.yaml):`).ReplaceAllString(w.must(t, "routes", "--config", place), "$1:"))
}

// TestTheDescriptionOfTheReadmeCanBeServed: the README's block of describe loads as it stands, beside a document and an intro, and what is
// wrong with the intro is told with its place.
func TestTheDescriptionOfTheReadmeCanBeServed(t *testing.T) {
	text, _ := readme(t)
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(text, -1)
	w := newWorld(t)
	w.write(t, "openapi.yaml", "openapi: 3.1.1\npaths: {/leads: {get: {}}, /keys: {get: {}, post: {}}}\n")
	place := w.write(t, "Caddyfile", "{\n\tadmin off\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n:8080 {\n"+blocks[1][1]+"}\n")
	w.write(t, "intro.md", "---\n")
	require.Contains(t, w.paste(t, fmt.Sprintf("%q validate --config %q 2>&1 || true", os.Args[0], place)), "Caddyfile:10: describe: ")
	w.write(t, "intro.md", "## Before you begin\n")
	require.Contains(t, w.paste(t, fmt.Sprintf("%q validate --config %q 2>&1", os.Args[0], place)), "Valid configuration")
	require.Regexp(t, `(?m)^GET +/api/v1/SKILL.md +describe`, w.must(t, "routes", "--config", place))
}
