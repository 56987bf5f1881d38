package record

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseWindow(t *testing.T) {
	for text, want := range map[string]Window{
		"60/1m":            {Limit: 60, Duration: time.Minute},
		"1/1s":             {Limit: 1, Duration: time.Second},
		"5000/1h":          {Limit: 5000, Duration: time.Hour},
		"10/1h30m":         {Limit: 10, Duration: 90 * time.Minute},
		"10/90s":           {Limit: 10, Duration: 90 * time.Second},
		"10/1d":            {Limit: 10, Duration: Day},
		"10/1d12h":         {Limit: 10, Duration: 36 * time.Hour},
		"10/366d":          {Limit: 10, Duration: 366 * Day},
		"10/8784h":         {Limit: 10, Duration: 366 * Day},
		"10/1000ms":        {Limit: 10, Duration: time.Second},
		"10/0.5m":          {Limit: 10, Duration: 30 * time.Second},
		"1099511627776/1m": {Limit: MaxLimit, Duration: time.Minute},
	} {
		t.Run("accepts/"+text, func(t *testing.T) {
			got, err := ParseWindow(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
			again, err := ParseWindow(got.String())
			require.NoError(t, err)
			require.Equal(t, want, again, "String gives what ParseWindow reads")
		})
	}
	for text, reason := range map[string]string{
		"":                         "has no '/'",
		"60":                       "has no '/'",
		"/1m":                      `"" is not a whole number`,
		"60/":                      "is not valid",
		"sixty/1m":                 `"sixty" is not a whole number`,
		"6.5/1m":                   "not a whole number",
		"+60/1m":                   "not a whole number",
		" 60/1m":                   "not a whole number",
		"0x3c/1m":                  "not a whole number",
		"1e3/1m":                   "not a whole number",
		"1_000/1m":                 "not a whole number",
		"٣/1m":                     "not a whole number",
		"0/1m":                     "to refuse a plan altogether, use denied",
		"-0/1m":                    "must be from 1",
		"-1/1m":                    "must be from 1 to 1099511627776",
		"1099511627777/1m":         "must be from 1",
		"99999999999999999999/1m":  "must be from 1",
		"-99999999999999999999/1m": "must be from 1",
		"60/1":                     "is not valid",
		"60/m":                     "is not valid",
		"60/1 m":                   "is not valid",
		"60/1M":                    "is not valid",
		"60/1min":                  "is not valid",
		"60/1w":                    "is not valid",
		"60/1m/1h":                 "is not valid",
		"60 / 1m":                  "not a whole number",
		"60/-1m":                   "is not valid",
		"60/0":                     "whole seconds from 1s to 366d",
		"60/0s":                    "whole seconds from 1s to 366d",
		"60/0d":                    "whole seconds from 1s to 366d",
		"60/999ms":                 "whole seconds",
		"60/1500ms":                "whole seconds",
		"60/1.5s":                  "whole seconds",
		"60/366d1s":                "whole seconds from 1s to 366d",
		"60/367d":                  "whole seconds from 1s to 366d",
	} {
		t.Run("refuses/"+text, func(t *testing.T) {
			got, err := ParseWindow(text)
			require.ErrorContains(t, err, reason)
			require.Zero(t, got)
		})
	}
}

func TestParseWindows(t *testing.T) {
	t.Run("keeps the order", func(t *testing.T) {
		got, err := ParseWindows([]string{"5000/1h", "200/1m"})
		require.NoError(t, err)
		require.Equal(t, []Window{{Limit: 5000, Duration: time.Hour}, {Limit: 200, Duration: time.Minute}}, got)
	})
	t.Run("accepts none", func(t *testing.T) {
		got, err := ParseWindows(nil)
		require.NoError(t, err)
		require.Empty(t, got)
	})
	t.Run("accepts the most", func(t *testing.T) {
		got, err := ParseWindows(strings.Fields("1/1s 1/2s 1/3s 1/4s 1/5s 1/6s 1/7s 1/8s"))
		require.NoError(t, err)
		require.Len(t, got, MaxWindows)
	})
	for name, test := range map[string]struct{ list, reason string }{
		"one too many":                       {"1/1s 1/2s 1/3s 1/4s 1/5s 1/6s 1/7s 1/8s 1/9s", "9 windows are too many: at most 8"},
		"a bad one":                          {"60/1m 0/1h", `window "0/1h"`},
		"two of one duration":                {"60/1m 70/1h 80/1m", "windows 60/1m and 80/1m have the same duration"},
		"two of one duration in other units": {"60/1m 70/60s", "have the same duration"},
		"the same one twice":                 {"60/1m 60/1m", "have the same duration"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := ParseWindows(strings.Fields(test.list))
			require.ErrorContains(t, err, test.reason)
		})
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":             0,
		"0s":            0,
		"0d":            0,
		"50ms":          50 * time.Millisecond,
		"1.5s":          1500 * time.Millisecond,
		"1h30m":         90 * time.Minute,
		"1d":            Day,
		"007d":          7 * Day,
		"1d12h30m":      36*time.Hour + 30*time.Minute,
		"365d1ms":       365*Day + time.Millisecond,
		"106751d":       106751 * Day,
		"2562047h":      2562047 * time.Hour,
		"106751d23h47m": 106751*Day + 23*time.Hour + 47*time.Minute,
	} {
		t.Run("accepts/"+text, func(t *testing.T) {
			got, err := ParseDuration(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	for _, text := range []string{
		"", " ", "d", "s", "7", "-1s", "+1s", "-1d", "+1d", "1d-1h", "1d+1h", "1.5d", "1h1d", "1d1d", "1dd", "1d ", " 1d", "1D", "1 d", "1w",
		"1m 30s", "0x1d", "1e3s", "106752d", "106751d24h", "18446744073709551616d", "99999999999999999999s", "٣d", "1d\x00",
	} {
		t.Run("refuses/"+text, func(t *testing.T) {
			got, err := ParseDuration(text)
			require.ErrorContains(t, err, "is not valid: write a number and a unit")
			require.Zero(t, got)
		})
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s":                         0,
		"1ns":                        1,
		"50ms":                       50 * time.Millisecond,
		"1s":                         time.Second,
		"10s":                        10 * time.Second,
		"1m":                         time.Minute,
		"1m30s":                      90 * time.Second,
		"10m":                        10 * time.Minute,
		"1h":                         time.Hour,
		"10h":                        10 * time.Hour,
		"1h10m":                      70 * time.Minute,
		"1h5s":                       time.Hour + 5*time.Second,
		"1h0.5s":                     time.Hour + 500*time.Millisecond,
		"10h10m10s":                  10*time.Hour + 10*time.Minute + 10*time.Second,
		"1d":                         Day,
		"1d1s":                       Day + time.Second,
		"30d":                        30 * Day,
		"366d":                       MaxWindow,
		"106751d23h47m16.854775807s": math.MaxInt64,
	} {
		require.Equal(t, want, FormatDuration(d))
		again, err := ParseDuration(want)
		require.NoError(t, err)
		require.Equal(t, d, again)
	}
}

func TestWindowIsTextInJSON(t *testing.T) {
	text, err := json.Marshal([]Window{{Limit: 60, Duration: time.Minute}, {Limit: 5000, Duration: 30 * Day}})
	require.NoError(t, err)
	require.JSONEq(t, `["60/1m", "5000/30d"]`, string(text))

	var windows []Window
	require.NoError(t, json.Unmarshal(text, &windows))
	require.Equal(t, []Window{{Limit: 60, Duration: time.Minute}, {Limit: 5000, Duration: 30 * Day}}, windows)
	require.ErrorContains(t, json.Unmarshal([]byte(`["0/1m"]`), &windows), "use denied")
}
