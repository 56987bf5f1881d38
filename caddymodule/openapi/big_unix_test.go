//go:build unix

package openapi_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// big is a document of that many bytes, with two operations and a schema for each of its paths.
func big(bytesWanted int) []byte {
	var paths, schemas bytes.Buffer
	for n := 0; paths.Len()+schemas.Len() < bytesWanted; n++ {
		fmt.Fprintf(&paths, `
    "/things%d/{id}": {
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
      "get": {"operationId": "get%d", "parameters": [{"name": "q", "in": "query", "schema": {"type": "integer", "minimum": 1}}],
        "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T%d"}}}}}},
      "post": {"operationId": "post%d", "security": [{"key": ["things.write"]}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/T%d"}}}}, "responses": {"200": {"description": "ok"}}}
    },`, n, n, n, n, n)
		fmt.Fprintf(&schemas, `
      "T%d": {"type": "object", "required": ["id", "name"], "properties": {`, n)
		for _, field := range []string{"id", "name", "kind", "state", "owner", "colour"} {
			fmt.Fprintf(&schemas, `
        "%s": {"type": "string", "description": "The %s of the thing, up to 64 characters.", "maxLength": 64},`, field, field)
		}
		schemas.Truncate(schemas.Len() - 1)
		schemas.WriteString("\n      }},")
	}
	paths.Truncate(paths.Len() - 1)
	schemas.Truncate(schemas.Len() - 1)
	return fmt.Appendf(nil, `{
  "openapi": "3.0.3", "info": {"title": "Big", "version": "1"}, "servers": [{"url": "https://api.example.com/v1"}],
  "security": [{"key": ["things.read"]}],
  "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}, "schemas": {%s
  }},
  "paths": {%s
  }
}`, schemas.Bytes(), paths.Bytes())
}

// processorTime is what this process has had of the processors.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestABigDocument: 5 MB, with all of its schemas, within 2 s and 200 MB.
func TestABigDocument(t *testing.T) {
	name := filepath.Join(t.TempDir(), "openapi.json")
	require.NoError(t, os.WriteFile(name, big(5<<20), 0o600))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := processorTime(t)
	d, err := openapi.Load(name)
	require.NoError(t, err)
	routes, _, err := d.Routes(openapi.Options{Validate: true})
	took := processorTime(t) - start // others share the machine
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	t.Logf("%d routes, %s, %d MB allocated in all", len(routes), took, (after.TotalAlloc-before.TotalAlloc)>>20)
	require.Less(t, took, slack*2*time.Second)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(memorySlack*200)) // all that was allocated, let alone what lies in memory
	runtime.KeepAlive(d)
}
