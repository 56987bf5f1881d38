package openapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// TestScopesOfOtherStyles: they are called by dotted names, which a warning tells; two never become one by themselves; a colon that
// begins a segment stands for a parameter, as in a route.
func TestScopesOfOtherStyles(t *testing.T) {
	t.Parallel()
	name := write(t, `openapi: 3.1.0
components: {securitySchemes: {key: {type: http, scheme: bearer}, oauth: {type: oauth2}, basic: {type: http, scheme: basic}}}
paths:
  /swagger: {get: {security: [{oauth: ['write:pets', 'read:pets']}]}}
  /google: {get: {security: [{oauth: ['https://www.example.com/auth/drive.file']}]}}
  /odd: {get: {security: [{oauth: ['a+b=c@d~e', '/lead//read/']}]}}
  /data/{document}: {get: {security: [{key: ['konecty.:document:create']}]}}
  /same: {get: {security: [{key: ['write:pets']}, {oauth: ['write:pets']}]}}
  /usable: {get: {security: [{basic: []}, {key: ['write:pets']}]}}
`)
	got, err := table(name, openapi.Options{Scopes: []openapi.Naming{{Scope: "read:pets", Key: "pets.read"}}})
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(`GET /swagger write.pets pets.read
GET /google www.example.com.auth.drive.file
GET /odd a_b_c_d_e lead.read
GET /data/:document konecty.:document.create
GET /same write.pets
GET /usable write.pets
warning: NAME: scopes of the document that are not dotted names are called otherwise in keys: /lead//read/ is lead.read, a+b=c@d~e is a_b_c_d_e, https://www.example.com/auth/drive.file is www.example.com.auth.drive.file, konecty.:document:create is konecty.:document.create, write:pets is write.pets; 'scope <document's> <key's>' in the block of openapi names them as you like
`, "NAME", name), got)
}

// TestLimitsOfPublicOperations: a limit by client address is there where the site opens the operation, and nowhere else.
func TestLimitsOfPublicOperations(t *testing.T) {
	t.Parallel()
	name := write(t, `openapi: 3.1.0
paths: {/open: {get: {security: [], x-tollgate: {limit: 60/1m}}}}
`)
	got, err := table(name, openapi.Options{Public: true})
	require.NoError(t, err)
	require.Equal(t, "GET /open public limit 60/1m\n", got)
	got, err = table(name, openapi.Options{})
	require.NoError(t, err)
	require.Contains(t, got, "GET /open any key\nwarning: ")
}
