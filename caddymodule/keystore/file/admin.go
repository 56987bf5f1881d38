package file

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// What follows is keystore.Admin, so that commands can read the file. People write it: a change is a *keystore.Problem of the kind
// keystore.ErrReadOnly.

// Workspace gives one workspace.
func (s *Store) Workspace(_ context.Context, id string) (*record.Workspace, error) {
	workspace := s.current.Load().workspaces[id]
	if workspace == nil {
		return nil, &keystore.Problem{Kind: keystore.ErrNotFound, Field: "workspace", Text: fmt.Sprintf("workspace %q does not exist", id)}
	}
	return workspace, nil
}

// Workspaces gives up to limit workspaces by id.
func (s *Store) Workspaces(_ context.Context, after string, limit int) ([]*record.Workspace, error) {
	all := s.current.Load().workspaces
	return page(all, after, limit, func(w *record.Workspace) *record.Workspace { return w }), nil
}

// Key gives one key. A file knows no secrets' times.
func (s *Store) Key(_ context.Context, id string) (*keystore.Key, error) {
	identity := s.current.Load().keys[id]
	if identity == nil {
		return nil, &keystore.Problem{Kind: keystore.ErrNotFound, Field: "id", Text: fmt.Sprintf("key %q does not exist", id)}
	}
	return keyOf(identity), nil
}

// Keys gives up to limit keys by id, of one workspace or of all.
func (s *Store) Keys(ctx context.Context, workspace, after string, limit int) ([]*keystore.Key, error) {
	keys := s.current.Load().keys
	if workspace != "" {
		if _, err := s.Workspace(ctx, workspace); err != nil {
			return nil, err
		}
		keys = maps.Clone(keys)
		maps.DeleteFunc(keys, func(_ string, i *record.Identity) bool { return i.Workspace.ID != workspace })
	}
	return page(keys, after, limit, keyOf), nil
}

// FindKeys gives up to limit of the keys that the filter asks for. A file knows neither uses nor when a key was made.
func (s *Store) FindKeys(ctx context.Context, filter keystore.KeyFilter, after string, limit int) ([]*keystore.Key, error) {
	if filter.Workspace != "" {
		if _, err := s.Workspace(ctx, filter.Workspace); err != nil {
			return nil, err
		}
	}
	if !filter.UnusedSince.IsZero() {
		return nil, &keystore.Problem{Kind: keystore.ErrInvalid, Field: "unused", Text: fmt.Sprintf(
			"%s is a keys file, which does not tell when a key was used: ask for other keys", s)}
	}
	keys := maps.Clone(s.current.Load().keys)
	maps.DeleteFunc(keys, func(_ string, i *record.Identity) bool { return !filter.Asks(keyOf(i)) })
	return page(keys, after, limit, keyOf), nil
}

// page gives the values behind an id, in the order of the ids.
func page[T, R any](all map[string]T, after string, limit int, read func(T) R) []R {
	var list []R
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if len(list) == limit {
			break
		}
		if id > after {
			list = append(list, read(all[id]))
		}
	}
	return list
}

func keyOf(i *record.Identity) *keystore.Key {
	return &keystore.Key{Key: *i.Key, Workspace: i.Workspace.ID}
}

// History is nowhere in the file.
func (s *Store) History(context.Context, string, string, int) ([]keystore.Event, error) {
	return nil, &keystore.Problem{Kind: keystore.ErrReadOnly, Text: fmt.Sprintf("%s is a keys file, which has no history", s)}
}

// CreateWorkspace refuses.
func (s *Store) CreateWorkspace(context.Context, keystore.Act, *record.Workspace) error {
	return s.readOnly()
}

// UpdateWorkspace refuses.
func (s *Store) UpdateWorkspace(context.Context, keystore.Act, string, func(*record.Workspace) error) (*record.Workspace, error) {
	return nil, s.readOnly()
}

// DeleteWorkspace refuses.
func (s *Store) DeleteWorkspace(context.Context, keystore.Act, string) (int64, error) {
	return 0, s.readOnly()
}

// CreateKeys refuses.
func (s *Store) CreateKeys(context.Context, keystore.Act, string, []keystore.NewKey) error {
	return s.readOnly()
}

// UpdateKey refuses.
func (s *Store) UpdateKey(context.Context, keystore.Act, string, func(*record.Key) error) (*keystore.Key, error) {
	return nil, s.readOnly()
}

// RotateKey refuses.
func (s *Store) RotateKey(context.Context, keystore.Act, string, record.Sum, time.Duration) (*keystore.Key, error) {
	return nil, s.readOnly()
}

func (s *Store) readOnly() error {
	return &keystore.Problem{Kind: keystore.ErrReadOnly, Text: fmt.Sprintf("%s is a keys file: edit the file", s)}
}

var _ keystore.Admin = (*Store)(nil)
