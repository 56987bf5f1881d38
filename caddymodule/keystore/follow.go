package keystore

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	// followTimeout bounds one question for changes, the store's own waiting included.
	followTimeout = time.Second
	// followPause is the pause after one that failed, or told of changes.
	followPause = 100 * time.Millisecond
	// usesEvery is how often it is written to the store when secrets were last used.
	usesEvery = 30 * time.Second
	// usesTimeout bounds the writing.
	usesTimeout = 3 * time.Second
	// usesBatch is how many are written at once.
	usesBatch = 1000
)

// Start begins to follow the store's changes, until Close. Further calls do nothing. Without it every entry is asked
// again after half a second.
func (c *Cache) Start() {
	c.starting.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		c.cancel = cancel
		c.running.Go(func() { c.follow(ctx) })
		if writer, ok := c.store.(UseWriter); ok {
			c.running.Go(func() { c.writeUses(ctx, writer) })
		}
	})
}

// Close ends the following, writes the last uses and closes the store. Further calls do nothing.
func (c *Cache) Close() error {
	c.closing.Do(func() {
		c.starting.Do(func() {}) // never to be started again
		if c.cancel != nil {
			c.cancel()
		}
		c.running.Wait()
		c.closeErr = c.store.Close()
	})
	return c.closeErr
}

func (c *Cache) follow(ctx context.Context) {
	var position Position
	failing := false
	for ctx.Err() == nil {
		changes, err := c.changes(ctx, position)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing {
			failing = failed
			c.report("changes", err)
		}
		if err != nil {
			pause(ctx, followPause)
			continue
		}
		c.apply(changes)
		position = changes.Position
		if changes.any() {
			pause(ctx, followPause) // to drop entries is a walk over all of them: a burst of changes is taken together
		}
	}
}

func (c *Cache) changes(ctx context.Context, since Position) (Changes, error) {
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	changes, err := c.store.Changes(ctx, since)
	if err != nil {
		return Changes{}, fmt.Errorf("following the changes of the key store: %w", err)
	}
	return changes, nil
}

// apply does what was changed, and only then extends the trust in the rest.
func (c *Cache) apply(changes Changes) {
	switch {
	case changes.Gap:
		c.change(func(*record.Identity) effect { return drops })
	case changes.any():
		keys, workspaces, barred := setOf(changes.Keys), setOf(changes.Workspaces), setOf(changes.Barred)
		c.change(func(i *record.Identity) effect {
			switch {
			case keys[i.Key.ID], barred[i.Workspace.ID]:
				return drops
			case workspaces[i.Workspace.ID]:
				return outdates
			}
			return keeps
		})
	}
	c.confirmed.Store(int64(changes.At.Sub(c.origin)))
}

// change begins a new epoch, in which no older answer is kept, and does to entries what the change means for them.
func (c *Cache) change(what func(*record.Identity) effect) {
	c.epoch.Add(1)
	c.known.apply(what)
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// writeUses hands on, in batches and off the request path, when secrets were last used.
func (c *Cache) writeUses(ctx context.Context, writer UseWriter) {
	var pending []Use
	failing := false
	for {
		pause(ctx, usesEvery)
		pending = append(pending, c.known.takeUses(c.origin)...)
		for len(pending) > 0 {
			batch := pending[:min(len(pending), usesBatch)]
			err := c.writeBatch(ctx, writer, batch)
			if failed := err != nil; failed != failing {
				failing = failed
				c.report("last uses", err)
			}
			if err != nil {
				break
			}
			pending = pending[len(batch):]
		}
		if len(pending) == 0 {
			pending = nil // after a burst it would hold megabytes for ever
		}
		if ctx.Err() != nil {
			return
		}
		if len(pending) > DefaultKnown {
			pending = pending[len(pending)-DefaultKnown:] // the store is away for long: keep the newest
		}
	}
}

// writeBatch writes even after the end of ctx: the last uses are worth a moment.
func (c *Cache) writeBatch(ctx context.Context, writer UseWriter, batch []Use) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), usesTimeout)
	defer cancel()
	if err := writer.WriteUses(ctx, batch); err != nil {
		return fmt.Errorf("writing when keys were last used: %w", err)
	}
	return nil
}
