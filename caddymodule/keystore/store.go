// Package keystore answers whose a secret is, from memory where it can. A Store holds the records (file, SQLite,
// PostgreSQL: one sub-package each); a Cache stands in front of any of them, follows its changes and bridges its
// absence. Admin is what commands and dashboards do to a store. None of it knows a secret: all
// of them work on its SHA-256.
package keystore

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// ErrUnknown is the answer for a secret that may not be used: nobody has it, or its key is disabled, revoked or
// expired. Any other error of a look-up means that the store could not answer.
var ErrUnknown = errors.New("unknown key")

// Unusable is the ErrUnknown of a secret that is known and may not be used. It is for operators: callers are told no more
// than of any other.
type Unusable struct {
	// Key is the key's id.
	Key string
	// State is why, as record.Identity.State says.
	State string
}

func (u *Unusable) Error() string { return "key " + u.Key + " is " + u.State }

// Is makes it an ErrUnknown.
func (u *Unusable) Is(target error) bool { return target == ErrUnknown }

// Store holds workspaces and keys. Its methods are safe for concurrent use.
type Store interface {
	// Lookup asks, with one query, whose secret has this sum. A key that is disabled, revoked or expired is given
	// like any other: record.Identity.Usable judges it. The error is ErrUnknown where the store holds no such sum;
	// any other means that the store is away.
	Lookup(ctx context.Context, sum record.Sum) (*record.Identity, error)

	// Changes gives what was changed since the position, as soon as something was, or nothing after a fraction of a
	// second. An error means that the store is away. Only one caller at a time may follow a store.
	Changes(ctx context.Context, since Position) (Changes, error)

	// Close frees what the store holds. It may be called more than once.
	Close() error

	// String says where the store lies, for people, without credentials.
	String() string
}

// Position is a place in a store's log of changes. The zero Position is in no log.
type Position struct {
	// Revision counts the changes.
	Revision int64
	// Stamp is the random mark of that change. A log without this change at this revision is another log: the
	// database was restored, replaced or pruned meanwhile.
	Stamp string
}

// Changes are what a store's log holds behind a Position.
type Changes struct {
	// Position is the end of the log, to ask from next time.
	Position Position
	// At is an instant by the local clock: everything committed before it is told here.
	At time.Time
	// Keys are the ids of the keys that were changed: they may be revoked. Ids may repeat.
	Keys []string
	// Workspaces are the ids of those whose own record was changed, which says nothing about their keys. Ids may repeat.
	Workspaces []string
	// Barred are the ids of those that were suspended or deleted: none of their keys may be used as it was known. Ids may repeat.
	Barred []string
	// Gap says that the log does not continue from the Position asked for: anything may have changed.
	Gap bool
}

func (c *Changes) any() bool { return len(c.Keys)+len(c.Workspaces)+len(c.Barred) > 0 }

// Use says when a secret was last used.
type Use struct {
	Sum record.Sum
	At  time.Time
}

// UseWriter is a Store that keeps when secrets were last used. It gets them in batches.
type UseWriter interface {
	WriteUses(ctx context.Context, uses []Use) error
}

// Summary is what a gateway says of its store when it starts.
type Summary struct {
	// Keys is how many there are, in any state.
	Keys int64
	// Plans are those that workspaces are on, by name.
	Plans []string
	// Made says that there was no store before this process made one.
	Made bool
}

// Summarizer is a Store that can be summed up. It may read all of its workspaces and keys: nobody waits for the answer.
type Summarizer interface {
	Summary(ctx context.Context) (Summary, error)
}
