package record

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a Window.
const (
	MinWindow  = time.Second
	MaxWindow  = 366 * Day
	Day        = 24 * time.Hour
	MaxWindows = 8 // per plan or workspace

	MaxKeyWindows = 4       // of a key's own
	MaxLimit      = 1 << 40 // requests per window
)

// Window allows Limit requests (weighted by route cost) per Duration. It is fixed: it begins with the first granted
// request, floored to the second, and ends Duration later. A window with a Period is a quota, and follows the calendar.
type Window struct {
	// Limit is how much cost the window admits, at least 1.
	Limit int64
	// Duration is the window's length, whole seconds from MinWindow to MaxWindow; 0 for a quota.
	Duration time.Duration
	// Period is the calendar period of a quota.
	Period Period
	// Over windows count, and refuse nothing: a plan says so of its quotas with "over allow".
	Over bool
	// Key is the id of the key whose own window it is; empty: it is the workspace's, shared by all its keys.
	Key string
}

// Name is the window's name in the limit headers: its duration in the shortest form, such as "1m", behind "key-" where it is
// a key's own; of a quota, its period.
func (w Window) Name() string {
	switch {
	case w.Period != 0:
		return w.Period.String()
	case w.Key != "":
		return "key-" + FormatDuration(w.Duration)
	}
	return FormatDuration(w.Duration)
}

// Ends is the Unix second at which a window ends that an instant is in: one that begins then, or the calendar period.
func (w *Window) Ends(second int64) int64 {
	if w.Period != 0 {
		_, end := w.Period.Bounds(second)
		return end
	}
	return second + int64(w.Duration/time.Second)
}

// String is the configuration's form, such as "60/1m".
func (w Window) String() string {
	if w.Period != 0 {
		return Quota{w.Limit, w.Period}.String()
	}
	return strconv.FormatInt(w.Limit, 10) + "/" + FormatDuration(w.Duration)
}

// ParseWindow reads the form "60/1m": a limit of at least 1 and a duration from 1s to 366d.
func ParseWindow(s string) (Window, error) {
	limit, duration, found := strings.Cut(s, "/")
	if !found {
		return Window{}, fmt.Errorf("window %q has no '/': write a limit per duration, such as 60/1m", s)
	}
	n, err := parseLimit(limit)
	if err != nil {
		return Window{}, fmt.Errorf("window %q: %w", s, err)
	}
	d, err := ParseDuration(duration)
	if err != nil && slices.Contains(periodNames[1:], duration) {
		return Window{}, fmt.Errorf("window %q: a limit per calendar %s is a quota: write it as quota %s/%s in the plan's block, or as --quota of a workspace", s, duration, limit, duration)
	}
	if err != nil {
		return Window{}, fmt.Errorf("window %q: %w", s, err)
	}
	if d < MinWindow || d > MaxWindow || d%time.Second != 0 {
		return Window{}, fmt.Errorf("window %q: the duration must be whole seconds from 1s to 366d", s)
	}
	return Window{Limit: n, Duration: d}, nil
}

// ParseWindows reads a list of windows, none of which may share a duration with another, at most MaxWindows.
func ParseWindows(list []string) ([]Window, error) { return parseWindows(list, MaxWindows) }

// ParseKeyWindows reads a list of a key's own windows: as ParseWindows, but at most MaxKeyWindows.
func ParseKeyWindows(list []string) ([]Window, error) { return parseWindows(list, MaxKeyWindows) }

func parseWindows(list []string, most int) ([]Window, error) {
	if len(list) > most {
		return nil, fmt.Errorf("%d windows are too many: at most %d are allowed", len(list), most)
	}
	windows := make([]Window, 0, len(list))
	for _, s := range list {
		w, err := ParseWindow(s)
		if err != nil {
			return nil, err
		}
		for _, other := range windows {
			if other.Duration == w.Duration {
				return nil, fmt.Errorf("windows %s and %s have the same duration: keep one of them", other, w)
			}
		}
		windows = append(windows, w)
	}
	return windows, nil
}

// MarshalText gives the configuration's form.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads the configuration's form.
func (w *Window) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWindow(string(text))
	return err
}

// ParseDuration reads Go's duration syntax plus "d" for days of 24 hours: "90s", "1h30m", "1d12h".
func ParseDuration(s string) (time.Duration, error) {
	days, rest := time.Duration(0), s
	if head, tail, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(head, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/Day) {
			return 0, badDuration(s)
		}
		days, rest = time.Duration(n)*Day, tail
		if rest == "" {
			return days, nil
		}
	}
	if rest == "" || rest[0] == '-' || rest[0] == '+' {
		return 0, badDuration(s)
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, badDuration(s)
	}
	if d > math.MaxInt64-days {
		return 0, badDuration(s)
	}
	return days + d, nil
}

func badDuration(s string) error {
	return fmt.Errorf("duration %q is not valid: write a number and a unit of ms, s, m, h or d, such as 30s, 1h30m or 7d", s)
}

// FormatDuration gives the form that ParseDuration reads back, in the largest units and without those that are zero:
// "1m", "1h30m", "7d", "1d1s". The duration must not be negative.
func FormatDuration(d time.Duration) string {
	days, rest := "", d%Day
	if d >= Day {
		days = strconv.FormatInt(int64(d/Day), 10) + "d"
		if rest == 0 {
			return days
		}
	}
	return days + zeroUnits.Replace(rest.String())
}

// zeroUnits drops the zero units that time.Duration.String leaves behind: "1h0m0s" is "1h".
var zeroUnits = strings.NewReplacer("h0m0s", "h", "h0m", "h", "m0s", "m")
