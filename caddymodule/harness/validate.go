package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
)

// Validate does to a Caddyfile that is said to lie at filename what the command validate does, and gives what Tollgate
// warns of: the message and what follows it in the line, without the time.
func Validate(t testing.TB, text, filename string) (warnings []string, err error) {
	t.Helper()
	document, err := Adapt(text, filename)
	if err != nil {
		return nil, err
	}
	return ValidateJSON(t, document)
}

// ValidateJSON is Validate for a configuration in JSON.
func ValidateJSON(t testing.TB, document []byte) (warnings []string, err error) {
	t.Helper()
	var config caddy.Config
	require.NoError(t, caddy.StrictUnmarshalJSON(document, &config))
	path := filepath.Join(t.TempDir(), "log")
	output, err := json.Marshal(map[string]any{"output": "file", "filename": path, "roll": false})
	require.NoError(t, err)
	config.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{
		WriterRaw: output, EncoderRaw: json.RawMessage(`{"format":"json","time_key":"","level_key":"level"}`),
	}}}}
	err = caddy.Validate(&config)
	return Warnings(t, path), err
}

// Warnings are what Tollgate warned of in a log of JSON lines.
func Warnings(t testing.TB, log string) (warnings []string) {
	t.Helper()
	data, err := os.ReadFile(log)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		var entry struct{ Level, Logger string }
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry.Level == "warn" && strings.Contains(entry.Logger, "tollgate") {
			_, said, _ := strings.Cut(line, `"msg":`)
			warnings = append(warnings, strings.TrimSuffix(strings.TrimSpace(said), "}"))
		}
	}
	return warnings
}
