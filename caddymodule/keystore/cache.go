package keystore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	// lease is how long after the store was last heard of entries are trusted unasked. It is the longest that a
	// revocation can go unnoticed, so it stays below the one second that is promised.
	lease = 700 * time.Millisecond
	// ownTrust is the same for an entry's own query, which counts while the feed of changes is silent.
	ownTrust = 500 * time.Millisecond
	// lookupTimeout bounds one query.
	lookupTimeout = time.Second

	// DefaultKnown is how many known secrets a Cache keeps where Options say nothing else.
	DefaultKnown = 1 << 17
)

// Options of a Cache.
type Options struct {
	// Stale is how long known keys live while the store is away, since they were last confirmed; 0: not at all.
	Stale time.Duration
	// Known is how many known secrets are kept at most; 0: DefaultKnown. Those unused for longest go first.
	Known int
	// Report, if not nil, is told when "look-ups" or "changes" of the store begin to fail (with the reason) and when
	// they work again (with nil). It must be safe for concurrent use and must not block.
	Report func(what string, err error)
}

// Cache remembers what a Store said, known secrets apart from unknown ones, so that guessing cannot evict the good.
//
// An entry is trusted while the feed of changes is whole; a change of its key, and a gap in the feed, drop it, and a change
// of its workspace lets the store be asked again. While the store is away, known secrets go on for Options.Stale since they
// were last confirmed; what is not known is an error. Expiry is always judged.
type Cache struct {
	store   Store
	options atomic.Pointer[Options]
	origin  time.Time // of the times kept as nanoseconds

	known   *knownTable
	unknown *unknownTable
	breaker breaker

	// epoch counts the batches of changes applied. What was asked before a batch is not kept after it.
	epoch atomic.Uint64
	// confirmed is when the feed was last known to be whole, in nanoseconds since origin.
	confirmed atomic.Int64

	workspaces interned
	flights    singleflight.Group

	// hits are look-ups that were answered from memory, asked those that the store was asked for.
	hits, asked atomic.Uint64

	starting sync.Once
	closing  sync.Once
	cancel   context.CancelFunc
	running  sync.WaitGroup
	closeErr error
}

// NewCache puts a cache in front of the store, which it owns from then on. It asks nothing and starts nothing yet.
func NewCache(store Store, options Options) *Cache {
	c := &Cache{
		store:   store,
		origin:  time.Now(),
		known:   newKnownTable(DefaultKnown),
		unknown: newUnknownTable(),
	}
	c.confirmed.Store(int64(-lease))
	c.Configure(options)
	return c
}

// Configure changes the options of a cache in use.
func (c *Cache) Configure(options Options) {
	if options.Report == nil {
		options.Report = func(string, error) {}
	}
	options.Known = cmp.Or(options.Known, DefaultKnown)
	c.known.resize(options.Known)
	c.workspaces.capacity.Store(int64(options.Known))
	c.options.Store(&options)
}

// Store is the store behind the cache.
func (c *Cache) Store() Store { return c.store }

// Known gives the identity of a secret that is known good here, without I/O; nil where the store has to be asked.
func (c *Cache) Known(sum record.Sum) *record.Identity {
	e := c.known.get(sum)
	if e == nil || !usable(e.identity) {
		return nil
	}
	now := c.now()
	if !c.holds(e, now) && !(c.breaker.open(now) && c.bridged(e, now)) {
		return nil
	}
	e.touch(now)
	c.hits.Add(1)
	return e.identity
}

// Familiar reports whether a secret was known good when the store was last heard of, and that is not longer ago than Options.Stale:
// Known does not give it where the store has to be asked whether it still is.
func (c *Cache) Familiar(sum record.Sum) bool {
	e := c.known.get(sum)
	return e != nil && usable(e.identity) && c.bridged(e, c.now())
}

// Lookup gives the identity of a secret that may be used now. The error is ErrUnknown for any other secret, an *Unusable
// where its key is known; any other error means that the store is away and the secret is not known well enough to do without.
func (c *Cache) Lookup(ctx context.Context, sum record.Sum) (*record.Identity, error) {
	identity, err := c.find(ctx, sum)
	if err != nil {
		return nil, err
	}
	if !usable(identity) {
		return nil, &Unusable{Key: identity.Key.ID, State: identity.State(time.Now())}
	}
	if e := c.known.get(sum); e != nil {
		e.touch(c.now())
	}
	return identity, nil
}

func (c *Cache) find(ctx context.Context, sum record.Sum) (*record.Identity, error) {
	if identity, err := c.remembered(sum); identity != nil || err != nil {
		return identity, err
	}
	identity, err := c.ask(ctx, sum)
	if err == nil || errors.Is(err, ErrUnknown) {
		return identity, err
	}
	if e := c.known.get(sum); e != nil && c.bridged(e, c.now()) {
		return e.identity, nil
	}
	return nil, err
}

// remembered gives what is trusted of the sum: an identity, ErrUnknown, or neither.
func (c *Cache) remembered(sum record.Sum) (*record.Identity, error) {
	now := c.now()
	if e := c.known.get(sum); e != nil {
		if c.holds(e, now) {
			return e.identity, nil
		}
		return nil, nil
	}
	if read, found := c.unknown.get(sum, c.epoch.Load()); found && c.trusted(read, now) {
		return nil, ErrUnknown
	}
	return nil, nil
}

// ask queries the store, once for all who want the same sum at the same time. A query that began before a change is never
// joined after it: the epoch is part of its name. It goes on when a caller leaves, for the others wait for it.
func (c *Cache) ask(ctx context.Context, sum record.Sum) (*record.Identity, error) {
	epoch := c.epoch.Load()
	var name [len(sum) + 8]byte
	binary.BigEndian.PutUint64(name[copy(name[:], sum[:]):], epoch)
	landed := c.flights.DoChan(string(name[:]), func() (_ any, err error) {
		defer func() {
			if panicked := recover(); panicked != nil {
				err = fmt.Errorf("%w: %v", errNoAnswer, panicked)
			}
		}()
		if identity, err := c.remembered(sum); identity != nil || err != nil {
			return identity, err // another flight has landed since we looked
		}
		return c.query(ctx, sum, epoch)
	})
	select {
	case flight := <-landed:
		identity, _ := flight.Val.(*record.Identity)
		return identity, flight.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// query asks the store and remembers its answer, unless something was changed since the epoch.
func (c *Cache) query(ctx context.Context, sum record.Sum, epoch uint64) (*record.Identity, error) {
	read := c.now()
	if err := c.breaker.refuses(read); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	c.asked.Add(1)
	identity, err := c.store.Lookup(ctx, sum)
	switch {
	case err == nil:
		identity = c.intern(sum, identity)
		c.known.put(sum, &entry{identity: identity, read: read}, epoch, &c.epoch)
	case errors.Is(err, ErrUnknown):
		identity = nil
		c.known.drop(sum)
		c.unknown.put(sum, read, epoch)
	case errors.Is(err, ErrUnreadable):
		c.known.drop(sum)
		return nil, fmt.Errorf("asking the key store: %w", err) // the store answered: it is not away
	default:
		err = fmt.Errorf("asking the key store: %w", err)
		if c.breaker.fail(c.now(), err) {
			c.report("look-ups", err)
		}
		return nil, err
	}
	if c.breaker.succeed() {
		c.report("look-ups", nil)
	}
	return identity, err
}

// intern replaces records by equal ones that are known already: identity may stand for content, and the keys of one
// workspace share it in memory.
func (c *Cache) intern(sum record.Sum, identity *record.Identity) *record.Identity {
	workspace := c.workspaces.of(identity.Workspace)
	if e := c.known.get(sum); e != nil && e.identity.Workspace == workspace &&
		e.identity.SecretExpiresAt.Equal(identity.SecretExpiresAt) && reflect.DeepEqual(e.identity.Key, identity.Key) {
		return e.identity
	}
	if workspace == identity.Workspace {
		return identity
	}
	return &record.Identity{Key: identity.Key, Workspace: workspace, SecretExpiresAt: identity.SecretExpiresAt}
}

// holds reports whether an entry may be used unasked.
func (c *Cache) holds(e *entry, now int64) bool { return !e.outdated.Load() && c.trusted(e.read, now) }

// trusted reports whether an answer that was read at that time, and not dropped since, holds now.
func (c *Cache) trusted(read, now int64) bool {
	return now < c.confirmed.Load()+int64(lease) || now < read+int64(ownTrust)
}

// bridged reports whether a known entry may be used while the store is away.
func (c *Cache) bridged(e *entry, now int64) bool {
	return now-max(e.read, c.confirmed.Load()) < int64(c.options.Load().Stale)
}

// usable judges an identity now. The wall clock, a third of a warm look-up, is read only for what expires.
func usable(identity *record.Identity) bool {
	var now time.Time
	if !identity.Key.ExpiresAt.IsZero() || !identity.SecretExpiresAt.IsZero() {
		now = time.Now()
	}
	return identity.Usable(now)
}

func (c *Cache) now() int64 { return int64(time.Since(c.origin)) }

func (c *Cache) report(what string, err error) { c.options.Load().Report(what, err) }
