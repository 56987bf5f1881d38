// Package cloudevents holds what usage export writes for billing against the SDK of CloudEvents.
package cloudevents

import (
	"os"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
)

// TestEachLineIsAnEvent of the golden file, which a test holds to be what the command writes.
func TestEachLineIsAnEvent(t *testing.T) {
	text, err := os.ReadFile("../../../caddymodule/testdata/usage.cloudevents.jsonl")
	require.NoError(t, err)
	ids, tools := map[string]bool{}, int64(0)
	for line := range strings.Lines(string(text)) {
		var e event.Event
		require.NoError(t, e.UnmarshalJSON([]byte(line)), line)
		require.NoError(t, e.Validate(), line)
		require.Equal(t, event.CloudEventsVersionV1, e.SpecVersion(), line)
		require.Empty(t, e.Extensions(), "no attribute of our own: %s", line)
		require.False(t, ids[e.ID()], "one source gives an id once: %s", line)
		ids[e.ID()] = true
		var data struct {
			Workspace, Key, Route, Code string
			Hour                        string
			Requests, Cost              int64
			MCP                         struct{ Requests, Cost int64 }
		}
		require.NoError(t, e.DataAs(&data), line)
		require.Equal(t, e.Subject(), data.Workspace, line)
		require.Equal(t, e.Time().Format("2006-01-02T15:04:05Z"), data.Hour, line)
		require.Positive(t, data.Requests, line)
		require.LessOrEqual(t, data.MCP.Requests, data.Requests, "a part of it: %s", line)
		tools += data.MCP.Requests
	}
	require.Greater(t, len(ids), 3)
	require.Positive(t, tools)
}
