// Package pool holds what outlives a configuration reload: counters, throttles, caches, connections, metrics.
package pool

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// values are the pooled values. Their keys say which backend a thing belongs to, never which limits hold: those come with
// every call. Caddy's pools free a value when the last configuration that uses it has been cleaned up.
var values = caddy.NewUsagePool()

// Lease is one configuration's hold on a pooled value. The zero Lease holds nothing.
type Lease[T caddy.Destructor] struct {
	key   string
	Value T
}

// Acquire takes hold of the pooled value of that key, which is made where nobody holds it yet. Making it must not wait
// for anybody: the pool is locked meanwhile.
func Acquire[T caddy.Destructor](key string, make func() (T, error)) (Lease[T], error) {
	value, _, err := values.LoadOrNew(key, func() (caddy.Destructor, error) { return make() })
	if err != nil {
		return Lease[T]{}, err
	}
	return Lease[T]{key: key, Value: value.(T)}, nil
}

// Release gives the hold back, once however often it is called.
func (l *Lease[T]) Release() error {
	if l.key == "" {
		return nil
	}
	_, err := values.Delete(l.key)
	l.key = ""
	return err
}

// Logger lets a value that outlives configurations write into the log of the present one. It holds nil until the first
// has started.
type Logger struct{ atomic.Pointer[zap.Logger] }

// Register puts collectors on a configuration's registry, which is new for every one. Collectors that are there already
// stay: metrics are built once a process, and count on over reloads.
func Register(registry *prometheus.Registry, collectors ...prometheus.Collector) error {
	for _, collector := range collectors {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(collector); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
