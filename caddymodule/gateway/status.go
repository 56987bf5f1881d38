package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

// remembered is what this process remembers of the requests that it saw. It outlives reloads.
type remembered struct{ *status.Table }

func newRemembered() (*remembered, error) {
	codes := make([]string, 0, len(refusal.Codes()))
	for _, code := range refusal.Codes() {
		codes = append(codes, string(code))
	}
	return &remembered{status.NewTable(time.Now(), codes, append(gate.Reasons(), "other"))}, nil
}

// Destruct has nothing to end.
func (*remembered) Destruct() error { return nil }

// countName is by what a route is known over reloads: its gate may move in the file, its routes are told by what they match.
func (h *Handler) countName(r *route.Route) string {
	file, _, _ := strings.Cut(h.Source, ":")
	return file + " " + strings.Join(r.Methods, ",") + " " + r.Pattern
}

// startStatus forgets the counts of routes that no site has any more.
func (a *App) startStatus() {
	a.notes.begin()
	names := make(map[string]bool)
	for _, h := range a.sites {
		for r := range h.live.Load().counts {
			names[h.countName(r)] = true
		}
	}
	a.status.Value.Routes.Keep(names)
}

// turnStatus forgets what is too old, once a second.
func (a *App) turnStatus(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			a.status.Value.Turn(now)
		case <-ctx.Done():
			return
		}
	}
}

// remember counts the request, and keeps why it was refused. Nothing of it is a secret, a path, a query or a body.
func (c *call) remember(report *envelope.Report, why *why, took time.Duration) {
	v := &c.verdict
	r := status.Request{Outcome: outcome(report, why.reason), Route: c.handler.live.Load().counts[v.Match.Route], Backend: took}
	for _, took := range v.Took {
		r.Gateway += took
	}
	if v.Identity != nil {
		r.Workspace = v.Identity.Workspace.ID
	}
	if c.deprecation() != nil && r.Route != nil {
		r.Route.Called(r.Workspace, time.Now())
	}
	if why.reason != "" {
		r.Refusal = status.Refusal{
			At: time.Now().UnixMilli(), RequestID: c.id.text, Method: status.Method(c.facts.Method), Workspace: r.Workspace,
			Key: why.key, Address: c.facts.ClientIP, Status: report.Status, Code: string(report.Code), Reason: why.reason,
			MissingScopes: why.missing, File: why.file, Line: why.line,
		}
		if c.tool {
			r.Refusal.Way = "mcp"
		}
		if why.trace.IsValid() {
			r.Refusal.TraceID = why.trace.String()
		}
		if v.Match.Route != nil {
			r.Refusal.Route = v.Match.Route.Pattern
		}
	}
	table := c.handler.app.status.Value.Table
	table.Count(&r)
	if v.Counted {
		table.Verdicts[v.Charged].Add(1)
	}
	switch {
	case v.Decision.Generation == 0 || v.Decision.Code == string(refusal.CodeInternal): // it was not asked, or failed
	case v.Decision.Remembered:
		table.Remembered.Add(1)
	default:
		table.Evaluated.Add(1)
	}
}

// outcome is how the request ended, in the words of package status.
func outcome(report *envelope.Report, reason string) string {
	switch {
	case reason != "" && report.Code.Known():
		return string(report.Code)
	case report.Source != envelope.SourceBackend || report.Status < http.StatusBadRequest && report.Code == "":
		return status.OutcomeOK
	case report.Status >= http.StatusInternalServerError:
		return status.OutcomeBackend5xx
	}
	return status.OutcomeBackend4xx
}

// Failure is something that fails at present.
type Failure struct {
	// What fails, in a word or two.
	What string `json:"what"`
	// Since is when it began, in Unix seconds.
	Since int64 `json:"since"`
	// Error is why, as the log has it.
	Error string `json:"error"`
}

// health keeps what fails at present.
type health struct {
	mu      sync.Mutex
	failing []Failure
}

// note says that something begins to fail, fails for another reason, or (nil) works again.
func (h *health) note(what string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.IndexFunc(h.failing, func(f Failure) bool { return f.What == what })
	switch {
	case err != nil && at < 0:
		h.failing = append(h.failing, Failure{What: what, Since: time.Now().Unix(), Error: err.Error()})
	case err != nil:
		h.failing[at].Error = err.Error()
	case at >= 0:
		h.failing = slices.Delete(h.failing, at, at+1)
	}
}

func (h *health) list() []Failure {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Failure{}, h.failing...)
}

// first is what fails; nil: nothing does.
func (h *health) first() *Failure {
	if list := h.list(); len(list) > 0 {
		return &list[0]
	}
	return nil
}

// loading is how the loading of watched files went.
type loading struct {
	at     atomic.Int64 // of the last good one, in Unix seconds
	loads  atomic.Int64 // how many were good
	failed health
}

func (l *loading) loaded(err error) {
	l.failed.note("load", err)
	if err == nil {
		l.at.Store(time.Now().Unix())
		l.loads.Add(1)
	}
}

// notes are what a configuration remembers for status.
type notes struct {
	loaded            atomic.Int64 // when the configuration was started, in Unix seconds
	once              sync.Once
	ended             chan struct{}
	closing           sync.Once
	policies, secrets loading
	report            atomic.Pointer[policyReport]

	mu       sync.Mutex
	warnings []string
}

func (n *notes) begin() {
	n.loaded.Store(time.Now().Unix())
	n.done()
}

// done is closed when the configuration ends.
func (n *notes) done() chan struct{} {
	n.once.Do(func() { n.ended = make(chan struct{}) })
	return n.ended
}

// end tells those who follow the configuration that it ends.
func (n *notes) end() {
	ended := n.done()
	n.closing.Do(func() { close(ended) })
}

// warn says in the log what most likely is a mistake in the configuration, and keeps it for status.
func (a *App) warn(logger *zap.Logger, text string, fields ...zap.Field) {
	logger.Warn(text, fields...)
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range fields {
		field.AddTo(encoder)
	}
	for _, field := range fields {
		if value, ok := encoder.Fields[field.Key].(string); ok {
			text += "; " + field.Key + ": " + value
		}
	}
	a.notes.mu.Lock()
	defer a.notes.mu.Unlock()
	a.notes.warnings = append(a.notes.warnings, text)
}
