package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

const (
	// maxStreams is how many may follow at once.
	maxStreams = 16
	// eventsEvery is how often there is news, and stateEvery after how many of those the slower state is told.
	eventsEvery = time.Second
	stateEvery  = 5
	// writePatience is how long a reader may not read.
	writePatience = 10 * time.Second
	// mostNews is how many refusals one event tells of: those that come faster than anybody reads are not told one by one.
	mostNews = 50
)

// events tells what changes, until the reader leaves or the configuration ends (WHATWG HTML, "Server-sent events"):
//
//	event: traffic    each second: the last minutes, and the sums of the hour
//	event: refusals   new refusals, the newest first
//	event: state      each five seconds: status, routes and workspaces
func (a *Admin) events(app *gateway.App, w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	select {
	case a.following <- struct{}{}:
		defer func() { <-a.following }()
	default:
		return refuse(http.StatusTooManyRequests, "%d streams are open already: close one", maxStreams)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	s := &stream{admin: a, app: app, w: w, control: http.NewResponseController(w), told: app.Seen().Refusals.Total()}
	// The endpoint's deadline for reading a request would end the stream.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("following: %w", err)
	}
	s.follow(r)
	return nil
}

// stream is one reader of events.
type stream struct {
	admin   *Admin
	app     *gateway.App
	w       http.ResponseWriter
	control *http.ResponseController
	told    uint64 // the number of the last refusal that was told
}

func (s *stream) follow(r *http.Request) {
	tick := time.NewTicker(eventsEvery)
	defer tick.Stop()
	for n := 0; s.tell(n) == nil; n++ {
		select {
		case <-tick.C:
		case <-s.app.Ended():
			return
		case <-r.Context().Done():
			return
		}
	}
}

// tell writes the news of one second.
func (s *stream) tell(n int) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	if n == 0 {
		if _, err := fmt.Fprintf(s.w, "retry: %d\n\n", eventsEvery.Milliseconds()); err != nil {
			return err
		}
	}
	seen := s.app.Seen()
	if err := s.event("traffic", seen.Hour.Traffic(hour)); err != nil {
		return err
	}
	if total := seen.Refusals.Total(); total != s.told {
		news := seen.Refusals.Last(mostNews, func(f *status.Refusal) bool { return f.Number > s.told })
		s.told = total
		if err := s.event("refusals", refusalsView{total, news}); err != nil {
			return err
		}
	}
	if n%stateEvery == 0 {
		if err := s.event("state", stateEvent{newStatus(s.app), s.app.RouteStates(), s.admin.viewWorkspaces(s.app, defaultWorkspaces)}); err != nil {
			return err
		}
	}
	return s.control.Flush()
}

// stateEvent is what changes slowly.
type stateEvent struct {
	Status     *statusView          `json:"status"`
	Routes     []gateway.RouteState `json:"routes"`
	Workspaces *workspacesView      `json:"workspaces"`
}

func (s *stream) event(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, text)
	return err
}
