package openapi_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

const choices = `openapi: 3.0.3
info: {title: Choices, version: "1"}
servers: [{url: https://example.com/v1}]
components: {securitySchemes: {key: {type: http, scheme: bearer}, oauth: {type: oauth2}, basic: {type: http, scheme: basic}}}
security: [{key: [a.read]}, {oauth: [a.all]}, {basic: []}]
paths:
  /leads/{id}: {get: {}, delete: {}}
  /leads/{id}/notes: {get: {}}
  /files/{name}.{ext}: {get: {}}
  /users:batch: {post: {}}
  /users/{id}/keys:batch-rotate: {post: {}}
  /open: {get: {security: []}}
`

// write puts a document into a folder of its own, and gives its name.
func write(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "openapi.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestOptions(t *testing.T) {
	t.Parallel()
	name := write(t, choices)
	file := openapi.Selection{Methods: []string{"GET"}, Path: "/v1/files/:a.:b"}
	for what, c := range map[string]struct {
		options openapi.Options
		want    string // of the table, or of the error
	}{
		"public opens what the document takes for public": {openapi.Options{Security: []string{"key"}, Public: true, Except: []openapi.Selection{file}},
			"GET /v1/leads/:id a.read\nDELETE /v1/leads/:id a.read\nGET /v1/leads/:id/notes a.read\nPOST /v1/users%3Abatch a.read\nPOST /v1/users/:id/keys%3Abatch-rotate a.read\nGET /v1/open public\n"},
		"security chooses among alternatives": {openapi.Options{Security: []string{"oauth"}, Public: true, Only: []openapi.Selection{{Methods: []string{"DELETE", "GET"}, Path: "/v1/leads/{id}"}}},
			"GET /v1/leads/:id a.all\nDELETE /v1/leads/:id a.all\n"},
		"a scheme that was chosen may be of any kind": {openapi.Options{Security: []string{"basic"}, Only: []openapi.Selection{{Methods: []string{"DELETE"}, Path: "/v1/leads/:x"}}},
			"DELETE /v1/leads/:id any key\n"},
		"only all below a path": {openapi.Options{Security: []string{"key"}, Only: []openapi.Selection{{Methods: []string{"GET"}, Path: "/v1/leads/*"}}},
			"GET /v1/leads/:id a.read\nGET /v1/leads/:id/notes a.read\n"},
		"except takes away from only": {openapi.Options{Security: []string{"key"}, Only: []openapi.Selection{{Methods: []string{"GET"}, Path: "/v1/leads/*"}},
			Except: []openapi.Selection{{Methods: []string{"GET", "POST"}, Path: "/v1/leads/:id/notes"}}},
			"GET /v1/leads/:id a.read\n"},
		"a literal colon is written as routes write it": {openapi.Options{Security: []string{"key"}, Only: []openapi.Selection{{Methods: []string{"POST"}, Path: "/v1/users%3Abatch"}}},
			"POST /v1/users%3Abatch a.read\n"},
		"a literal colon is written as the document writes it": {openapi.Options{Security: []string{"key"}, Only: []openapi.Selection{{Methods: []string{"POST"}, Path: "/v1/users:batch"},
			{Methods: []string{"POST"}, Path: "/v1/users/:id/keys:batch-rotate"}}},
			"POST /v1/users%3Abatch a.read\nPOST /v1/users/:id/keys%3Abatch-rotate a.read\n"},
		"a literal colon in front of a star": {openapi.Options{Security: []string{"key"}, Public: true, Except: []openapi.Selection{file, {Methods: []string{"POST"}, Path: "/v1/users:batch"}, {Methods: []string{"POST"}, Path: "/v1/users/{u}/*"}}},
			"GET /v1/leads/:id a.read\nDELETE /v1/leads/:id a.read\nGET /v1/leads/:id/notes a.read\nGET /v1/open public\n"},
		"a literal colon of another operation": {openapi.Options{Security: []string{"key"}, Except: []openapi.Selection{file, {Methods: []string{"POST"}, Path: "/v1/users:batches", Source: "Caddyfile:7"}}},
			"error: Caddyfile:7: no operation of NAME is POST /v1/users:batches: correct or remove it"},
		"a parameter is not a text behind a colon": {openapi.Options{Security: []string{"key"}, Only: []openapi.Selection{{Methods: []string{"POST"}, Path: "/v1/:users", Source: "Caddyfile:7"}}},
			"error: Caddyfile:7: no operation of NAME is POST /v1/:users: correct or remove it"},
		"a selection without an operation": {openapi.Options{Security: []string{"key"}, Except: []openapi.Selection{file, {Methods: []string{"PUT"}, Path: "/v1/leads/:id", Source: "Caddyfile:7"}}},
			"error: Caddyfile:7: no operation of NAME is PUT /v1/leads/:id: correct or remove it"},
		"a selection that lacks the server's path": {openapi.Options{Security: []string{"key"}, Only: []openapi.Selection{{Methods: []string{"GET"}, Path: "/leads/:id"}}},
			"error: no operation of NAME is GET /leads/:id: correct or remove it"},
		"a method that is none": {openapi.Options{Only: []openapi.Selection{{Methods: []string{"get"}, Path: "/a", Source: "Caddyfile:7"}}},
			`error: Caddyfile:7: "get" is not a method of an OpenAPI document: write capitals, such as GET or GET,POST`},
		"a star in the middle": {openapi.Options{Only: []openapi.Selection{{Methods: []string{"GET"}, Path: "/a/*/b"}}},
			"error: path '/a/*/b' is not valid: write the path of an operation, such as /v1/leads/:id, or /v1/* for all below it"},
		"the first of several schemes that an operation has": {openapi.Options{Security: []string{"basic", "key"}, Only: []openapi.Selection{{Methods: []string{"DELETE"}, Path: "/v1/leads/:x"}}},
			"DELETE /v1/leads/:id any key\n"},
		"a scope that is named, to one with a parameter": {openapi.Options{Security: []string{"key"}, Scopes: []openapi.Naming{{Scope: "a.read", Key: "leads.:id"}}, Only: []openapi.Selection{{Methods: []string{"DELETE"}, Path: "/v1/leads/:x"}}},
			"DELETE /v1/leads/:id leads.:id\n"},
		"a scope that no operation asks for": {openapi.Options{Security: []string{"key"}, Except: []openapi.Selection{file}, Scopes: []openapi.Naming{{Scope: "a.all", Key: "b", Source: "Caddyfile:7"}}},
			`error: Caddyfile:7: no operation of NAME that is a route asks for the scope "a.all": correct or remove it`},
		"a scope that is named twice": {openapi.Options{Scopes: []openapi.Naming{{Scope: "a", Key: "b"}, {Scope: "a", Key: "c", Source: "Caddyfile:8"}}},
			`error: Caddyfile:8: scope "a" is named twice: keep one of them`},
		"a scope that keys cannot need": {openapi.Options{Scopes: []openapi.Naming{{Scope: "a", Key: "b.*", Source: "Caddyfile:8"}}},
			`error: Caddyfile:8: scope "b.*": '*' is for the scopes of a key: an operation names what it needs`},
		"a scheme that is none": {openapi.Options{Security: []string{"jwt"}},
			`error: NAME:1: the document has no security scheme "jwt", which the site chose: write one of components.securitySchemes`},
		"all mistakes at once": {openapi.Options{Security: []string{"key"}},
			"error: NAME:9: no route can say GET /v1/files/{name}.{ext}: in \"{name}.{ext}\" a parameter is only a part of a segment: a route's parameter is a whole one; or leave the operation out: except GET /v1/files/:name.:ext"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := table(name, c.options)
			if err != nil {
				got = "error: " + strings.ReplaceAll(err.Error(), name, "NAME")
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestManyMistakes: ten are told, and how many more there are.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("openapi: 3.0.0\npaths:\n")
	for n := range 25 {
		fmt.Fprintf(&text, "  /a%d/{b}.{c}: {get: {}}\n", n)
	}
	_, err := table(write(t, text.String()), openapi.Options{})
	require.Equal(t, 11, len(strings.Split(err.Error(), "\n")))
	require.Contains(t, err.Error(), "15 more mistakes in it")
}

// TestNothingOutsideTheFolderIsRead: neither by a symbolic link nor by a way through one; within the folder links are followed.
func TestNothingOutsideTheFolderIsRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inside := filepath.Join(folder, "api")
	require.NoError(t, os.Mkdir(inside, 0o700))
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	put("secret.yaml", "get: {}\n")
	put("api/item.yaml", "get: {}\n")
	require.NoError(t, os.Symlink("../secret.yaml", filepath.Join(inside, "link.yaml")))
	require.NoError(t, os.Symlink("..", filepath.Join(inside, "up")))
	require.NoError(t, os.Symlink("item.yaml", filepath.Join(inside, "near.yaml")))
	for ref, want := range map[string]string{
		"near.yaml":        "",
		"./item.yaml":      "",
		"%69tem.yaml":      "",
		"link.yaml":        "it leads out of the folder of the document",
		"up/secret.yaml":   "it leads out of the folder of the document",
		"../secret.yaml":   "leads out of the folder of the document",
		"%2e%2e/x.yaml":    "leads out of the folder of the document",
		"up":               "it leads out of the folder of the document",
		".":                "is not a file",
		"//host/item.yaml": "nothing is fetched over the network",
		"file:item.yaml":   "nothing is fetched over the network",
	} {
		t.Run(ref, func(t *testing.T) {
			name := filepath.Join(inside, "openapi.yaml")
			put("api/openapi.yaml", "openapi: 3.0.0\npaths: {/a: {$ref: '"+ref+"'}}\n")
			_, err := table(name, openapi.Options{})
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
			require.Contains(t, err.Error(), name+":2: ")
		})
	}
	require.NoError(t, os.Symlink("../secret.yaml", filepath.Join(inside, "main.yaml")))
	_, err := openapi.Load(filepath.Join(inside, "main.yaml"))
	require.ErrorContains(t, err, "it leads out of the folder of the document")
}
