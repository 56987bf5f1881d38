package limits

import (
	"errors"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// MaxWindows is how many windows can be counted together: those of a plan or workspace, its quotas, and a key's own.
const MaxWindows = record.MaxWindows + record.MaxQuotas + record.MaxKeyWindows

// Status is one window as an engine last saw it.
type Status struct {
	// Window is the limit and duration that the remaining count was measured against.
	Window record.Window
	// Used is how much cost was taken from it: above the limit where one was lowered, or where the window refuses nothing.
	Used int64
	// Remaining is how much cost the window still admits: max(0, limit − used).
	Remaining int64
	// Reset is when the window ends, in Unix seconds on the engine's clock. For a window that has not begun, it is when
	// it would end if it began now.
	Reset int64
}

// State is what the limit headers say: up to MaxWindows statuses, in the order of the plan. The zero State has no
// window and sets no header.
type State struct {
	// Policy, if any, is the one policy name in the RateLimit headers, as the throttles have it; otherwise each window is
	// named by its duration.
	Policy string
	// Now is the instant of the state in Unix seconds on the engine's clock, which may be Redis'.
	Now int64
	// Violated is the index of the window that refused the request; -1 where none did.
	Violated int
	// Local says that the gateway counts on its own because the shared store is away.
	Local bool

	// concurrent and free are how many requests may be under way at once, and how many more than there are; 0: nobody counts them.
	concurrent, free int64

	key      string                    // whose own windows are among them
	statuses [record.MaxWindows]status // those that have room here: a State is copied for each request
	more     []status                  // the others
	count    int
}

// at is the i-th status.
func (s *State) at(i int) *status {
	if i < len(s.statuses) {
		return &s.statuses[i]
	}
	return &s.more[i-len(s.statuses)]
}

// status is a Status in half of its bytes.
type status struct {
	limit, used, reset int64
	seconds            int32
	period             record.Period
	over, own          bool // own: it is the key's
}

func (s *status) remaining() int64 { return max(0, s.limit-s.used) }

// NewState gives a state without windows at the given Unix second.
func NewState(now int64) State { return State{Now: now, Violated: -1} }

// Add appends a window of which used is spent. A reset of 0 means that the window has not begun.
func (s *State) Add(window *record.Window, used, reset int64) {
	if reset == 0 {
		reset = window.Ends(s.Now)
	}
	own := window.Key != ""
	if own {
		s.key = window.Key
	}
	if s.count >= len(s.statuses) {
		s.more = append(s.more, status{})
	}
	*s.at(s.count) = status{
		limit: window.Limit, used: used, reset: reset, seconds: int32(seconds(window)), period: window.Period, over: window.Over, own: own,
	}
	s.count++
}

// Concurrent adds how many requests may be under way at once, and how many of them could still begin. A limit of 0 adds nothing.
func (s *State) Concurrent(limit, free int64) { s.concurrent, s.free = limit, free }

// Len is how many windows there are.
func (s *State) Len() int { return s.count }

// Status is that of the i-th window.
func (s *State) Status(i int) Status {
	status := s.at(i)
	window := record.Window{Limit: status.limit, Duration: time.Duration(status.seconds) * time.Second, Period: status.period, Over: status.over}
	if status.own {
		window.Key = s.key
	}
	return Status{Window: window, Used: status.used, Remaining: status.remaining(), Reset: status.reset}
}

// Statuses are the windows in the order of the plan.
func (s *State) Statuses() []Status {
	list := make([]Status, s.count)
	for i := range list {
		list[i] = s.Status(i)
	}
	return list
}

// Shown is the window of the X-RateLimit headers: the violated one, else the first. False: the state has no window.
func (s *State) Shown() (Status, bool) {
	return s.Status(max(0, s.Violated)), s.count > 0
}

// Spend takes a cost that the state admits from every window.
func (s *State) Spend(cost int64) {
	for i := range s.count {
		s.at(i).used += cost
	}
}

// Refuse marks the window that has no room for the cost, and gives the whole seconds, at least 1, after which every
// such window is over. Of several it marks the one that ends last. It is 0 where the cost fits all windows.
//
// A cost above a window's limit never fits: it is refused like any other, although no wait will help.
func (s *State) Refuse(cost int64) (retryAfter int64) {
	s.Violated = -1
	for i := range s.count {
		status := s.at(i)
		if status.over || status.remaining() >= cost {
			continue
		}
		if s.Violated < 0 || status.reset > s.at(s.Violated).reset {
			s.Violated = i
		}
	}
	if s.Violated < 0 {
		return 0
	}
	return max(1, s.left(s.at(s.Violated)))
}

// left is for how many seconds a window still runs: never longer than it is, even if the engine's clock, as far as the
// gateway knows it, is a little behind.
func (s *State) left(status *status) int64 {
	left := max(0, status.reset-s.Now)
	if status.period != 0 {
		return left
	}
	return min(left, int64(status.seconds))
}

// Denied is the state of a workspace whose plan is denied: nothing of nothing, for a minute from now.
func Denied(now time.Time) State {
	s := NewState(now.Unix())
	s.Policy = "denied"
	s.Add(&record.Window{Limit: 0, Duration: time.Minute}, 0, 0)
	return s
}

// Source tells where a verdict came from; its String is the metrics' label.
type Source uint8

// The sources of a verdict.
const (
	// FromMemory: this gateway's own counters, as configured.
	FromMemory Source = iota
	// FromRedis: a round trip to Redis, own or shared with concurrent requests.
	FromRedis
	// FromRemembered: known to be over its limit until the window ends, without asking Redis.
	FromRemembered
	// FromLocal: decided by on_outage, because Redis is away.
	FromLocal
)

// Sources are all of them, so that metrics can be made beforehand.
var Sources = [...]Source{FromMemory, FromRedis, FromRemembered, FromLocal}

func (s Source) String() string {
	return [...]string{"memory", "redis", "remembered", "local"}[s]
}

// Result is an engine's verdict about one request.
type Result struct {
	// Granted says that the cost was taken from every window. Otherwise nothing was taken from any.
	Granted bool
	// RetryAfter is after how many seconds a retry is granted if nobody else spends meanwhile: at least 1 when refused,
	// 0 when granted.
	RetryAfter int64
	// State is how the windows stand after the verdict.
	State State
	// Source is where the verdict came from.
	Source Source
}

// errCall is a call that no configuration can lead to. An engine refuses it instead of counting something else.
var errCall = errors.New("counting needs a workspace, 1 to 14 windows of 1s to 366d or a calendar period, those of one key last, and a cost of at least 1")

// Check says why an engine must not count: no workspace, no or too many windows, a duration out of range, windows of a key
// before others or of two keys, a cost below 1.
func Check(workspace string, windows []record.Window, cost int64) error {
	if workspace == "" || len(windows) == 0 || len(windows) > MaxWindows || cost < 1 {
		return errCall
	}
	for i := range windows {
		w := &windows[i]
		if d := w.Duration; w.Period == 0 && (d < record.MinWindow || d > record.MaxWindow) || w.Period != 0 && d != 0 {
			return errCall
		}
		if i > 0 && w.Key != windows[i-1].Key && windows[i-1].Key != "" {
			return errCall
		}
	}
	return nil
}

func seconds(w *record.Window) int64 { return int64(w.Duration / time.Second) }
