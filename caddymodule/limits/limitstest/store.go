// Package limitstest lets an engine be tested by ulule/limiter's suite for stores (drivers/store/tests).
package limitstest

import (
	"context"
	"strconv"
	"sync"

	"github.com/ulule/limiter/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Counters is an engine, as the gate has it.
type Counters interface {
	Take(ctx context.Context, workspace string, windows []record.Window, cost int64) (limits.Result, error)
	Peek(ctx context.Context, workspace string, windows []record.Window) (limits.State, error)
}

// Store is an engine behind ulule/limiter's interface.
//
// Two of ulule's ideas an engine does not have, and the Store adds them for the suite's sake. A refused request counts
// there, which is how its Peek knows that the limit was passed: the Store remembers the last verdict. And a key can be
// reset, which here would give away a second limit: the Store goes on with another workspace.
type Store struct {
	counters Counters
	prefix   string

	mu   sync.Mutex
	keys map[string]*key
}

type key struct {
	resets  int
	refused bool
}

// NewStore gives a store of the engine whose workspaces begin with the prefix.
func NewStore(counters Counters, prefix string) *Store {
	return &Store{counters: counters, prefix: prefix, keys: map[string]*key{}}
}

// Get takes a cost of 1.
func (s *Store) Get(ctx context.Context, name string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, name, 1, rate)
}

// Increment takes a cost.
func (s *Store) Increment(ctx context.Context, name string, count int64, rate limiter.Rate) (limiter.Context, error) {
	result, err := s.counters.Take(ctx, s.workspace(name, nil), windows(rate), count)
	if err != nil {
		return limiter.Context{}, err
	}
	s.workspace(name, func(k *key) { k.refused = !result.Granted })
	return verdict(result.State, !result.Granted), nil
}

// Peek looks without taking.
func (s *Store) Peek(ctx context.Context, name string, rate limiter.Rate) (limiter.Context, error) {
	state, err := s.counters.Peek(ctx, s.workspace(name, nil), windows(rate))
	if err != nil {
		return limiter.Context{}, err
	}
	var refused bool
	s.workspace(name, func(k *key) { refused = k.refused })
	return verdict(state, refused), nil
}

// Reset begins anew.
func (s *Store) Reset(ctx context.Context, name string, rate limiter.Rate) (limiter.Context, error) {
	s.workspace(name, func(k *key) { *k = key{resets: k.resets + 1} })
	return s.Peek(ctx, name, rate)
}

// workspace is where a key counts now; change, if any, is made under the lock before.
func (s *Store) workspace(name string, change func(*key)) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[name]
	if k == nil {
		k = &key{}
		s.keys[name] = k
	}
	if change != nil {
		change(k)
	}
	return s.prefix + "_" + name + "_" + strconv.Itoa(k.resets)
}

func windows(rate limiter.Rate) []record.Window {
	return []record.Window{{Limit: rate.Limit, Duration: rate.Period}}
}

func verdict(state limits.State, refused bool) limiter.Context {
	shown, _ := state.Shown()
	return limiter.Context{Limit: shown.Window.Limit, Remaining: shown.Remaining, Reset: shown.Reset, Reached: refused}
}

var _ limiter.Store = (*Store)(nil)
