package keystore

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Admin is what commands and dashboards do to a store that can be written. Every change is one transaction, checked
// by the rules of package record, and leaves a row in the history. Secrets come in by their SHA-256 only. A function
// that is handed over to change something may be called more than once.
//
// Errors that the caller can mend are a *Problem; any other means that the store is away.
type Admin interface {
	// CreateWorkspace adds a workspace.
	CreateWorkspace(ctx context.Context, act Act, workspace *record.Workspace) error
	// UpdateWorkspace lets change alter a copy of the workspace and gives what is stored then. The id stays.
	UpdateWorkspace(ctx context.Context, act Act, id string, change func(*record.Workspace) error) (*record.Workspace, error)
	// DeleteWorkspace takes a workspace away, with all its keys and their secrets, and gives how many keys those were. The
	// history stays, with the ids in it.
	DeleteWorkspace(ctx context.Context, act Act, id string) (keys int64, err error)
	// Workspace gives one workspace.
	Workspace(ctx context.Context, id string) (*record.Workspace, error)
	// Workspaces gives up to limit workspaces by id, those behind the id after.
	Workspaces(ctx context.Context, after string, limit int) ([]*record.Workspace, error)

	// CreateKeys adds keys to a workspace: all of them or none. CreatedAt is the store's clock.
	CreateKeys(ctx context.Context, act Act, workspace string, keys []NewKey) error
	// UpdateKey lets change alter a copy of the key and gives what is stored then: names, scopes, networks, expiry,
	// Disabled, and RevokedAt, which is final. Id, workspace and creation stay.
	UpdateKey(ctx context.Context, act Act, id string, change func(*record.Key) error) (*Key, error)
	// RotateKey gives the key a second secret; those it had live on for the grace at most. A key that has expired is an
	// ErrInvalid of the field expires_at; one with MaxSecrets that would live on, of the field grace.
	RotateKey(ctx context.Context, act Act, id string, sum record.Sum, grace time.Duration) (*Key, error)
	// Key gives one key.
	Key(ctx context.Context, id string) (*Key, error)
	// Keys gives up to limit keys by id, those behind the id after, of one workspace or (empty) of all.
	Keys(ctx context.Context, workspace, after string, limit int) ([]*Key, error)

	// FindKeys gives up to limit of the keys that the filter asks for, by id, those behind the id after.
	FindKeys(ctx context.Context, filter KeyFilter, after string, limit int) ([]*Key, error)

	// History gives the last changes, newest first: of a key, of a workspace and its keys, or (both empty) of all. It is there
	// for a workspace that was deleted too, and for its keys.
	History(ctx context.Context, workspace, key string, limit int) ([]Event, error)
}

// Reader is a store in the hands of who only looks: nothing of it is written, made or migrated, by opening it neither.
type Reader interface {
	// Workspaces and Keys are those of Admin.
	Workspaces(ctx context.Context, after string, limit int) ([]*record.Workspace, error)
	Keys(ctx context.Context, workspace, after string, limit int) ([]*Key, error)
	// Close frees it.
	Close() error
}

// Act says who changes something, and by which word, for the history.
type Act struct {
	// By is the person or key, such as "command root@gw1" or "key key_admin".
	By string
	// Action is what was asked for, such as "key create".
	Action string
}

// NewKey is a key to be made and the SHA-256 of its secret.
type NewKey struct {
	Key record.Key
	Sum record.Sum
}

// Key is a key with what only its administrators see.
type Key struct {
	record.Key
	// Workspace is the id of the key's workspace.
	Workspace string
	// Secrets are the key's secrets, oldest first; more than one after a rotation.
	Secrets []Secret
}

// OldSecretsEnd is when the last of the secrets ends that the key had before its present one; zero: it had none.
func (k *Key) OldSecretsEnd() (end time.Time) {
	for _, secret := range k.Secrets {
		if secret.ExpiresAt.After(end) {
			end = secret.ExpiresAt
		}
	}
	if !end.IsZero() && !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(end) {
		return k.ExpiresAt
	}
	return end
}

// Secret is one secret of a key, without the secret.
type Secret struct {
	// Fingerprint is record.Sum.Fingerprint.
	Fingerprint string
	CreatedAt   time.Time
	// ExpiresAt ends this secret; zero: it ends with the key.
	ExpiresAt time.Time
	// LastUsedAt is when it was last used, to about a minute; zero: never.
	LastUsedAt time.Time
}

// Ended reports whether the grace of a secret that was rotated away is over.
func (s *Secret) Ended(now time.Time) bool { return !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) }

// Event is one change of a workspace or key.
type Event struct {
	Revision int64
	At       time.Time
	Act
	Workspace string
	// Key is empty for a change of the workspace itself.
	Key string
	// Details are the new values, by name, as JSON.
	Details json.RawMessage
}

// Kinds of Problem.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInvalid  = errors.New("not valid")
	ErrRevoked  = errors.New("revoked for good")
	ErrReadOnly = errors.New("cannot be written")
	// ErrMissing is a database that is not there, or holds no key store that this program can use.
	ErrMissing = errors.New("no key store")
)

// ErrUnreadable is a record of the store that makes no sense. It is no sign that the store is away.
var ErrUnreadable = errors.New("unreadable record")

// Problem is why a change or question was refused, in words for the one who asked.
type Problem struct {
	// Kind is one of the kinds above; errors.Is finds it.
	Kind error
	// Field is the record's field that is at fault, by its name in the keys file; empty: none in particular.
	Field string
	// Text is the whole sentence.
	Text string
}

func (p *Problem) Error() string { return p.Text }
func (p *Problem) Unwrap() error { return p.Kind }
