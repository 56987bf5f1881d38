package explain

import (
	"context"
	"errors"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Session answers questions out of one configuration, whose policies are loaded once. It is for one goroutine.
type Session struct {
	config  *config.Configuration
	app     *gateway.App
	modules caddy.Context
	store   *config.Store // nil: no question needed it yet
	layout  *layout       // nil: not read yet
	gates   map[string]*gateway.Handler
	free    []func()
}

// Open loads what the configuration judges by. Its gateway need not run, and its key store need not be there until a
// question asks for a key by its id. The caller closes the session.
func Open(ctx context.Context, c *config.Configuration) (*Session, error) {
	s := &Session{config: c}
	var err error
	if s.app, err = c.App(); err != nil {
		return nil, err
	}
	modules, free, err := config.Modules(ctx)
	if err != nil {
		return nil, err
	}
	s.modules = modules
	s.free = []func(){free, func() { _ = s.app.Cleanup() }} // gives back what Provision took; nothing of it was started
	if err := s.app.Provision(modules); err != nil {
		s.Close()
		return nil, c.Wrong(err)
	}
	return s, nil
}

// Close frees what the session holds.
func (s *Session) Close() {
	for n := len(s.free); n > 0; n-- {
		s.free[n-1]()
	}
	s.free = nil
}

// Unspent answers a question as if nothing of any window had been used: no gateway is asked, and no counters are.
func (s *Session) Unspent(ctx context.Context, q Question) (*Answer, error) {
	if s.layout == nil {
		var err error
		if s.layout, err = readLayout(s.config); err != nil {
			return nil, err
		}
	}
	a := &asked{Question: q}
	if err := a.read(ctx, s.config, s.layout); err != nil {
		return nil, err
	}
	return s.explain(a, func() windows { return unspent(s.app, a.identity) })
}

// explain takes the request to its gate, and through it for whoever asks.
func (s *Session) explain(a *asked, left func() windows) (*Answer, error) {
	var err error
	a.app, a.walk.ctx = s.app, s.modules
	if a.identity, err = s.identity(&a.Question); err != nil {
		return nil, err
	}
	if err := a.walk.start(); err != nil {
		return nil, err
	}
	if a.walk.gate == nil {
		return a.answer(), nil
	}
	return s.judged(a, left)
}

// judged takes the request through the gate that it came to.
func (s *Session) judged(a *asked, left func() windows) (*Answer, error) {
	handler, err := s.handler(a)
	if err != nil {
		return nil, s.config.Wrong(err)
	}
	if a.identity != nil {
		a.windows = left()
	}
	a.outcome = handler.Rehearse(s.modules, &gateway.Rehearsal{
		Request: a.walk.facts, Identity: a.identity, Body: a.Body, Windows: a.windows.state, Described: a.Caller != nil,
	})
	return a.answer(), nil
}

// handler is the gate's, built once.
func (s *Session) handler(a *asked) (*gateway.Handler, error) {
	raw := string(a.walk.gate.Raw)
	if handler := s.gates[raw]; handler != nil {
		return handler, nil
	}
	own, err := a.walk.gate.Config()
	if err != nil {
		return nil, err
	}
	handler, err := gateway.ReadHandler(own, s.app)
	if err != nil {
		return nil, err
	}
	if s.gates == nil {
		s.gates = make(map[string]*gateway.Handler)
	}
	s.gates[raw] = handler
	return handler, nil
}

// identity is who asks; nil: nobody who has a key.
func (s *Session) identity(q *Question) (*record.Identity, error) {
	if q.Caller != nil {
		return q.Caller.Identity, nil
	}
	identity, err := s.stored(q)
	if _, answered := errors.AsType[*keystore.Problem](err); err != nil && !answered {
		err = &StoreError{err}
	}
	return identity, err
}

// StoreError is why the key store did not answer. It says nothing about the question.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return e.Err.Error() }
func (e *StoreError) Unwrap() error { return e.Err }

// stored asks the store for whoever the question names.
func (s *Session) stored(q *Question) (*record.Identity, error) {
	if s.store == nil {
		store, err := config.OpenProvisioned(s.app)
		if err != nil {
			return nil, err
		}
		s.store, s.free = store, append(s.free, store.Close)
	}
	id, err := s.store.KeyID(s.modules, q.KeyID)
	if err != nil {
		return nil, err
	}
	key, err := s.store.Key(s.modules, id)
	if err != nil {
		return nil, err
	}
	workspace, err := s.store.Workspace(s.modules, key.Workspace)
	return &record.Identity{Key: &key.Key, Workspace: workspace}, err
}
