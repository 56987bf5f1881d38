package keystore

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Leak is a live secret that lies in a file.
type Leak struct {
	Path string
	Line int // counted from 1
	// Key and Workspace are the ids of those that the secret belongs to.
	Key, Workspace string
	// Fingerprint is that of the secret: record.Sum.Fingerprint.
	Fingerprint string
}

// Scan finds the live secrets in the files below a folder, by prefix, checksum and hash; imported ones that have
// another form it cannot see. Unread are the files that could not be read. A store that is away ends it.
func Scan(ctx context.Context, store Store, root, prefix string, leak func(Leak) error) (unread []error, err error) {
	known := map[record.Sum]*record.Identity{}
	return apikey.Scan(root, prefix, func(found apikey.Found) error {
		sum := record.SumOf(found.Secret)
		identity, asked := known[sum]
		if !asked {
			var err error
			if identity, err = store.Lookup(ctx, sum); err != nil && !errors.Is(err, ErrUnknown) {
				return err
			}
			known[sum] = identity
		}
		if identity == nil || !identity.Usable(time.Now()) {
			return nil
		}
		return leak(Leak{Path: found.Path, Line: found.Line, Key: identity.Key.ID, Workspace: identity.Workspace.ID, Fingerprint: sum.Fingerprint()})
	})
}
