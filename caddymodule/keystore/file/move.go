package file

import (
	"context"
	"maps"
	"slices"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Schema is none: a keys file has no version.
func (s *Store) Schema() int { return 0 }

// Export gives what the file says. It has no times of secrets and no history.
func (s *Store) Export(_ context.Context, to keystore.Records) error {
	now := s.current.Load()
	for _, id := range slices.Sorted(maps.Keys(now.workspaces)) {
		if err := to.Workspace(now.workspaces[id]); err != nil {
			return err
		}
	}
	sums := make(map[string]record.Sum, len(now.identities))
	for sum, identity := range now.identities {
		sums[identity.Key.ID] = sum
	}
	for _, id := range slices.Sorted(maps.Keys(now.keys)) {
		identity := now.keys[id]
		key := &keystore.MovedKey{Key: *identity.Key, Workspace: identity.Workspace.ID, Secrets: []keystore.MovedSecret{{Sum: sums[id]}}}
		if err := to.Key(key); err != nil {
			return err
		}
	}
	return nil
}

var _ keystore.Exporter = (*Store)(nil)

// Backup refuses: a file is copied.
func (s *Store) Backup(context.Context, string) error {
	return &keystore.Problem{Kind: keystore.ErrReadOnly, Text: s.String() + " is a keys file: copy the file"}
}

// Check has nothing to find: a file that is not good cannot be opened.
func (s *Store) Check(context.Context, func(keystore.Finding)) (keystore.Held, error) {
	now := s.current.Load()
	return keystore.Held{Workspaces: len(now.workspaces), Keys: len(now.keys), Secrets: len(now.identities)}, nil
}

var _ keystore.Keeper = (*Store)(nil)
