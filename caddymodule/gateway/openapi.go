package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/describe"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/mcp"
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

// OpenAPI is a document whose operations are routes of a site.
type OpenAPI struct {
	// File is the path of the document, JSON or YAML. It may hold placeholders. It is watched.
	File string `json:"file"`
	openapi.Options
	// Folder is where a relative path starts. Default: the working directory.
	Folder string `json:"folder,omitempty"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// wrong puts in front of an error where the document is named.
func (o *OpenAPI) wrong(err error) error {
	return fmt.Errorf("%s: openapi: %w", cmp.Or(o.Source, "tollgate"), err)
}

func (o *OpenAPI) path() (string, error) {
	if o.File == "" {
		return "", o.wrong(errors.New("the path of the document is missing"))
	}
	path, err := dispenser.Resolve(o.File, o.Folder)
	if err != nil {
		return "", o.wrong(err)
	}
	return path, nil
}

// load reads the document once; nil: there is none.
func (o *OpenAPI) load() (*openapi.Document, error) {
	if o == nil {
		return nil, nil
	}
	path, err := o.path()
	if err != nil {
		return nil, err
	}
	d, err := openapi.Load(path)
	if err != nil {
		return nil, o.wrong(err)
	}
	return d, nil
}

// document is one of which sites take routes. It outlives a reload: one that is broken by then does not keep Caddy from loading a
// configuration that names it.
type document struct {
	*openapi.Watched
	taken    atomic.Pointer[openapi.Document] // that of which a site last took its routes
	watching sync.Once
	watchers watchers
	mu       sync.Mutex
	sites    map[*Handler]bool // of configurations that have started
}

// Destruct ends the watching of the files.
func (d *document) Destruct() error {
	if !d.watchers.stop() {
		return errors.New("an OpenAPI document is still being read; it is left behind")
	}
	return nil
}

func (d *document) watch(ctx context.Context) {
	d.Watch(ctx, watchEvery, func(err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for h := range d.sites {
			h.documentRead(err)
		}
	})
}

const (
	documentNotTaken = "openapi document is not taken, the last good one goes on"
	documentAdvice   = "correct what the error names; the document is read again when it changes; 'tollgate routes' says the same beforehand"
)

// openDocument takes hold of the site's document, and gives what is to be taken of it; nil: it has none. Where an earlier
// configuration holds it and it is broken by now, the one that was read last goes on.
func (h *Handler) openDocument() (*openapi.Document, error) {
	if h.OpenAPI == nil {
		return nil, nil
	}
	path, err := h.OpenAPI.path()
	if err != nil {
		return nil, err
	}
	made := false
	h.document, err = pool.Acquire("openapi/"+path, func() (*document, error) {
		made = true
		watched, err := openapi.Open(path)
		return &document{Watched: watched, sites: map[*Handler]bool{}}, err
	})
	if err != nil {
		return nil, h.OpenAPI.wrong(err)
	}
	h.reading.loaded(nil)
	if !made {
		if err := h.document.Value.Refresh(); err != nil {
			h.reading.loaded(h.OpenAPI.wrong(err))
			h.logger.Error(documentNotTaken, zap.Error(h.OpenAPI.wrong(err)), zap.String("do", documentAdvice))
		}
	}
	return h.document.Value.Document(), nil
}

// followDocument has the site's routes change with its document, until leaveDocument.
func (h *Handler) followDocument() {
	d := h.document.Value
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sites[h] = true
	if d.Document() != h.live.Load().document { // it changed while this configuration was being loaded
		h.documentRead(nil)
	}
	d.watching.Do(func() { d.watchers.start(d.watch) })
}

// leaveDocument gives the document back.
func (h *Handler) leaveDocument() error {
	if d := h.document.Value; d != nil {
		d.mu.Lock()
		delete(d.sites, h)
		d.mu.Unlock()
	}
	return h.document.Release()
}

// documentRead takes the routes of a document that was read again, whole or not at all. The error says why it could not be read.
func (h *Handler) documentRead(err error) {
	if err == nil && h.document.Value.Document() == h.live.Load().document {
		return
	}
	if err == nil {
		err = h.take(h.document.Value.Document())
	} else {
		err = h.OpenAPI.wrong(err)
	}
	h.reading.loaded(err)
	if err != nil {
		h.changes.Say(func(leftOut int) {
			h.logger.Error(documentNotTaken, zap.Error(err), zap.String("do", documentAdvice), lines.LeftOut(leftOut))
		})
		return
	}
	live := h.live.Load()
	h.changes.Say(func(leftOut int) {
		h.logger.Info("openapi document loaded", zap.String("source", h.OpenAPI.Source), zap.Int("routes", live.ofDocument), lines.LeftOut(leftOut))
		live.warn((*zap.Logger).Warn)
	})
}

// siteRoutes are the routes of a site at one time. They are immutable.
type siteRoutes struct {
	handler    *Handler
	table      *route.Table
	counts     map[*route.Route]*status.Route
	visitors   map[time.Duration]*limits.Throttle[gate.Visitor] // of its public routes that have a limit
	document   *openapi.Document                                // nil: none
	ofDocument int                                              // how many routes are the document's
	warnings   []string
	replaced   []route.Replaced
	place      map[*openapi.Operation]int // where operations stand in the document
	mcp        *mcp.Server                // nil: there is none
	tells      *describe.Site             // nil: nothing does
	anybody    gate.Callable              // what is told of without a key
}

// liveRoutes are those that hold at present.
type liveRoutes struct{ atomic.Pointer[siteRoutes] }

// Match is gate.Routes.
func (l *liveRoutes) Match(method, path string, m *route.Match) (bool, error) {
	return l.Load().table.Match(method, path, m)
}

// visitors is gate.Gate's.
func (l *liveRoutes) visitors(duration time.Duration) *limits.Throttle[gate.Visitor] {
	s := l.Load()
	if table := s.visitors[duration]; table != nil {
		return table
	}
	return s.handler.app.throttles.Value.visitorsOf(duration) // the route was matched before they changed
}

// build makes the site's route table: of its own routes, and of those operations of its document for whose requests it has none.
func (h *Handler) build(described *openapi.Document) (*siteRoutes, error) {
	s := &siteRoutes{handler: h, document: described}
	var others []*route.Route
	if described != nil {
		var err error
		if others, s.warnings, err = described.Routes(h.OpenAPI.Options); err != nil {
			return nil, h.OpenAPI.wrong(err)
		}
	}
	var err error
	if s.table, s.replaced, err = route.NewOver(h.table(), others); err != nil {
		return nil, err
	}
	s.ofDocument, s.place = -len(s.replaced), make(map[*openapi.Operation]int, len(others))
	for n, r := range others {
		if o := openapi.OperationOf(r); o != nil {
			s.place[o] = n
		}
	}
	for _, r := range others {
		if !r.Closed {
			s.ofDocument++
		}
	}
	return s, nil
}

// take has the site use its own routes and those of a document from now on.
func (h *Handler) take(described *openapi.Document) error {
	s, err := h.build(described)
	if err != nil {
		return err
	}
	routes := s.table.Routes()
	served, warnings, err := h.serverOf(s)
	if err != nil {
		return err
	}
	s.mcp, s.warnings = served, append(s.warnings, warnings...)
	if err := checkCosts(routes, h.app.planTable); err != nil {
		return err
	}
	if err := h.describes(s); err != nil {
		return err
	}
	s.warnings = append(h.warnings(routes), s.warnings...)
	s.counts = make(map[*route.Route]*status.Route, len(routes))
	s.visitors = map[time.Duration]*limits.Throttle[gate.Visitor]{}
	now := time.Now()
	for _, r := range routes {
		if r.Limit.Limit > 0 {
			s.visitors[r.Limit.Duration] = h.app.throttles.Value.visitorsOf(r.Limit.Duration)
		}
		meters.Admit(r.Pattern)
		s.counts[r] = h.app.status.Value.Routes.Get(h.countName(r), now)
	}
	h.live.Store(s)
	if d := h.document.Value; d != nil {
		d.taken.Store(described)
	}
	return nil
}

// takeAtFirst is take for a configuration that is being loaded. A document that does not go with it, but did before it was
// changed, is left as it was: followDocument tells.
func (h *Handler) takeAtFirst(described *openapi.Document) error {
	err := h.take(described)
	if d := h.document.Value; err != nil && d != nil {
		if last := d.taken.Load(); last != nil && last != described && h.take(last) == nil {
			h.reading.loaded(err)
			return nil
		}
	}
	return err
}

// warn says what of the routes may be a mistake, and which operations of the document a route stands in place of.
func (s *siteRoutes) warn(warn func(*zap.Logger, string, ...zap.Field)) {
	for _, warning := range s.warnings {
		warn(s.handler.logger, warning)
	}
	for _, r := range s.replaced {
		s.handler.logger.Info("a route stands in place of an operation of the document", zap.String("route", cmp.Or(r.By.Source, r.By.Pattern)),
			zap.String("operation", r.Route.Source), zap.Strings("methods", r.Route.Methods), zap.String("path", r.Route.Pattern))
	}
}

// DocumentState is how a site's OpenAPI document does.
type DocumentState struct {
	// Site is where the site's gate was written, and File the document.
	Site string `json:"site"`
	File string `json:"file"`
	// Loaded is when it was taken last, and Routes how many routes are its own.
	Loaded int64 `json:"loaded"`
	Routes int   `json:"routes"`
	// Failing is why the files as they are now were not taken; null: they were.
	Failing *Failure `json:"failing"`
}

// documentStates are those of all sites that have one; never nil.
func (a *App) documentStates() []DocumentState {
	list := []DocumentState{}
	for _, h := range a.sites {
		if h.document.Value == nil {
			continue
		}
		path, _ := h.OpenAPI.path() // which was read when the site was
		list = append(list, DocumentState{h.Source, path, h.reading.at.Load(), h.live.Load().ofDocument, h.reading.failed.first()})
	}
	return list
}

// documentsFailing is how many sites go on with another document than is on disk.
func (a *App) documentsFailing() (failing float64) {
	for _, h := range a.sites {
		if h.reading.failed.first() != nil {
			failing++
		}
	}
	return failing
}

// Interface guards
var (
	_ caddy.Destructor = (*document)(nil)
)
