package dashboard_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// event is one that was sent.
type event struct{ name, data string }

// follow opens the stream of events. The channel is closed when the stream ends.
func follow(t *testing.T, d *desk) <-chan event {
	t.Helper()
	response, err := http.Get("http://" + d.admin + "/tollgate/events")
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	events := make(chan event, 1000)
	go func() {
		defer close(events)
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		var one event
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				one.name = value
			case "data":
				one.data = value
			case "":
				if one.name != "" {
					events <- one
				}
				one = event{}
			}
		}
	}()
	return events
}

// await waits for an event of that name with that text.
func await(t *testing.T, events <-chan event, within time.Duration, name, text string) string {
	t.Helper()
	late := time.After(within)
	for {
		select {
		case one, open := <-events:
			require.True(t, open, "the stream ended before %s with %s", name, text)
			if one.name == name && strings.Contains(one.data, text) {
				return one.data
			}
		case <-late:
			t.Fatalf("no event %s with %q within %v", name, text, within)
		}
	}
}

// TestEventsTellAtOnceAndEndWithTheirConfiguration, so that no reader keeps an old gateway alive; the page comes again.
func TestEventsTellAtOnceAndEndWithTheirConfiguration(t *testing.T) {
	d := open(t, harness.World())
	d.from(t, harness.Denied, "/leads") // an old one is not news
	events := follow(t, d)
	require.Contains(t, await(t, events, 5*time.Second, "state", `"problems":`), `"routes":`)
	id := d.from(t, harness.Expired, "/leads").Header.Get("X-Request-Id")
	news := await(t, events, 6*time.Second, "refusals", id) // 2 s are promised
	var refusals refused
	require.NoError(t, json.Unmarshal([]byte(news), &refusals))
	require.Len(t, refusals.Refusals, 1)
	require.Equal(t, "expired", refusals.Refusals[0].Reason)
	await(t, events, 6*time.Second, "traffic", `"expired":`)

	began := time.Now()
	require.NoError(t, d.Load(d.text(d.admin)))
	for range events { // until it ends
	}
	require.Less(t, time.Since(began), 15*time.Second)
	await(t, follow(t, d), 5*time.Second, "state", `"problems":`)
	d.Stop(t)
}

func TestTooManyStreams(t *testing.T) {
	d := open(t, harness.World())
	for range 16 {
		follow(t, d)
	}
	a := d.send(t, "GET", "/tollgate/events", "")
	require.Equal(t, 429, a.status)
	require.Contains(t, a.body, "16 streams are open already")
}

// TestEventsOutliveTheEndpointsDeadline: Caddy gives a request of the admin endpoint ten seconds.
func TestEventsOutliveTheEndpointsDeadline(t *testing.T) {
	if !harness.Long() {
		t.Skip("set TOLLGATE_TEST_LONG to wait for fifteen seconds")
	}
	d := open(t, harness.World())
	events := follow(t, d)
	for range 15 {
		await(t, events, 5*time.Second, "traffic", "")
	}
}
