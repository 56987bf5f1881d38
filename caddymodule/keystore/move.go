package keystore

import (
	"context"
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// What follows is how all that a store holds leaves it and comes into another. Package transfer writes it down.

// MovedKey is a key with all that a store holds of it.
type MovedKey struct {
	record.Key
	// Workspace is the id of the key's workspace.
	Workspace string
	// Secrets are the key's secrets, oldest first.
	Secrets []MovedSecret
}

// MovedSecret is one secret of a key, by its hash.
type MovedSecret struct {
	Sum record.Sum
	Secret
}

// Records takes what a store holds: first every workspace by its id, then every key by its id, then the history, oldest first.
// An error of any of the functions ends it. What they are given is theirs.
type Records struct {
	Workspace func(*record.Workspace) error
	Key       func(*MovedKey) error
	// Event takes the changes of workspaces and keys, those that are gone included, but not those of the store itself: they have
	// no workspace. Their revisions are not those of another store. Nil: the history is not asked for.
	Event func(*Event) error
}

// Exporter is a Store that can give all that it holds.
type Exporter interface {
	// Export gives every record, as of one moment. It holds up nobody who changes the store meanwhile.
	Export(ctx context.Context, to Records) error
	// Schema is the version of the store's form; 0: it has none.
	Schema() int
}

// Importer is a Store that can take records in.
type Importer interface {
	// Import takes in, in one transaction, what the store does not hold yet. From gives the records each time that it is called,
	// checked before: no id and no secret stands twice in them, and each key's workspace is there. Whatever it fails with,
	// nothing has been changed. A *Conflicts is what speaks against the import.
	Import(ctx context.Context, act Act, from func(Records) error, options ImportOptions) (*Imported, error)
}

// ImportOptions say how an import is done.
type ImportOptions struct {
	// Dry tells what an import would do, and changes nothing.
	Dry bool
	// History says that the records bring their own history.
	History bool
}

// Imported is what an import did.
type Imported struct {
	// Added, Changed and Same count the workspaces and keys that are new here, that were made stricter here, and of which the
	// store holds all. Left counts those that differ here and were left as they are. None counts twice.
	Workspaces, Keys struct{ Added, Changed, Left, Same int }
	// Secrets and Events are how many came in, those of new keys included.
	Secrets, Events int
	// Named are the workspaces and keys that were changed or left as they are, and, where the store was not empty, those that were
	// added: MaxNamed at most. Unnamed counts the others.
	Named   []Outcome
	Unnamed int
}

// MaxNamed bounds what an import names one by one.
const MaxNamed = 10_000

// Outcome is what became of one record.
type Outcome struct {
	// Record is "workspace" or "key".
	Record string `json:"record"`
	ID     string `json:"id"`
	// Result is "added", "changed" or "left".
	Result string `json:"result"`
	// Why says what was changed, or why it was left as it is.
	Why string `json:"why"`
}

// Nothing reports whether the store held all of it before.
func (i *Imported) Nothing() bool {
	return i.Workspaces.Added+i.Workspaces.Changed+i.Keys.Added+i.Keys.Changed == 0
}

// Conflicts are what cannot be true of one store: nothing is imported then.
type Conflicts struct {
	// Texts are the first of them, a sentence each; More counts the others.
	Texts []string
	More  int
}

func (c *Conflicts) Error() string {
	text := strings.Join(c.Texts, "; ")
	if c.More > 0 {
		text += fmt.Sprintf("; and %d more", c.More)
	}
	return text + ": nothing is imported"
}
