package mcp

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// conforming describes the tools that the suite of conformance looks for, as far as an API can be such a tool.
const conforming = `openapi: 3.1.0
info: {title: Conformance, version: "1"}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
security: [{key: [conformance]}]
paths:
  /text: {get: {operationId: test_simple_text, responses: {"200": {description: ok}}}}
  /image: {get: {operationId: test_image_content, responses: {"200": {description: ok}}}}
  /audio: {get: {operationId: test_audio_content, responses: {"200": {description: ok}}}}
  /file: {get: {operationId: test_embedded_resource, responses: {"200": {description: ok}}}}
  /error: {get: {operationId: test_error_handling, responses: {"200": {description: ok}}}}
`

// untestable are the checks that want a tool which asks the client for something, streams or logs: an API is none.
var untestable = []string{"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400",
	"sep-2575-http-server-no-independent-requests-on-stream", "sep-2575-server-no-log-without-loglevel"}

// TestConformance runs the suite, all scenarios of each revision that a server without prompts, sampling, elicitation, tasks,
// subscriptions and streams can have.
func TestConformance(t *testing.T) {
	node, modules := os.Getenv("NODE"), os.Getenv("NODE_MODULES")
	if node == "" || modules == "" {
		t.Skip("NODE and NODE_MODULES name no program and its modules")
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kinds := map[string]string{"/text": "text/plain", "/image": "image/png", "/audio": "audio/wav", "/file": "application/octet-stream", "/error": "text/plain"}
		w.Header().Set("Content-Type", kinds[r.URL.Path])
		switch r.URL.Path {
		case "/text":
			_, _ = io.WriteString(w, "This is a simple text response for testing.")
		case "/error":
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, "This tool intentionally returns an error for testing")
		default:
			pixel, _ := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
			_, _ = w.Write(pixel)
		}
	}))
	t.Cleanup(backend.Close)
	w := start(t, conforming, strings.TrimPrefix(backend.URL, "http://"), "")
	address := w.forwarder(t)
	for revision, scenarios := range map[string][]string{
		"2025-06-18": {"server-initialize", "tools-call-simple-text"},
		"2025-11-25": {"server-initialize", "server-session-lifecycle", "ping", "tools-list", "tools-call-simple-text", "tools-call-error", "dns-rebinding-protection"},
		"2026-07-28": {"server-stateless", "tools-list", "tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-embedded-resource", "tools-call-error", "dns-rebinding-protection", "sep-2164-resource-not-found", "http-header-validation"},
	} {
		for _, scenario := range scenarios {
			t.Run(revision+"/"+scenario, func(t *testing.T) {
				out := t.TempDir()
				program := exec.Command(node, filepath.Join(modules, "@modelcontextprotocol/conformance/dist/index.js"), "server", "--url", address, "--scenario", scenario, "--spec-version", revision, "-o", out)
				said, _ := program.CombinedOutput() // it fails where a check does
				files, err := filepath.Glob(filepath.Join(out, "*", "checks.json"))
				require.NoError(t, err)
				require.Len(t, files, 1, "%s", said)
				text, err := os.ReadFile(files[0])
				require.NoError(t, err)
				var checks []struct{ ID, Status, ErrorMessage string }
				require.NoError(t, json.Unmarshal(text, &checks))
				passed := 0
				for _, check := range checks {
					if check.Status == "SUCCESS" {
						passed++
					}
					if !slices.Contains([]string{"SUCCESS", "INFO", "SKIPPED"}, check.Status) && !slices.Contains(untestable, check.ID) {
						t.Errorf("%s %s: %s", check.Status, check.ID, check.ErrorMessage)
					}
				}
				t.Logf("%d of %d checks passed", passed, len(checks))
			})
		}
	}
}
