package redis

import (
	"context"
	"errors"
	"fmt"

	goredis "github.com/redis/go-redis/v9"
)

// ErrMisconfigured is in Ping's error where Redis answered, and the answer is that it will not count for this gateway.
var ErrMisconfigured = errors.New("redis refuses this gateway")

// misconfigured are the beginnings, after "ERR ", of errors that waiting does not mend: the user or its rights, the
// database, the kind of server.
var misconfigured = []string{
	"WRONGPASS", "NOAUTH", "NOPERM", "AUTH", "invalid password", "DB index", "MOVED", "CROSSSLOT",
	"This instance has cluster support disabled",
	"Protocol error: unauthenticated", // instead of NOAUTH, where a call has more than ten arguments
	"The user executing the script",
}

// noWorkspace is the workspace that Ping takes from: no workspace has an empty id.
const noWorkspace = ""

// Ping takes from a window that no workspace has, as any request would. The error wraps ErrMisconfigured where the
// configuration is at fault. Any other says that Redis is away now, which is not a reason to refuse to start. It never
// holds the password.
func (e *Engine) Ping(ctx context.Context) error {
	err := e.nodes.of(noWorkspace).probe(ctx, noWorkspace)
	for _, beginning := range misconfigured {
		if goredis.HasErrorPrefix(err, beginning) {
			return fmt.Errorf("%w: %w", ErrMisconfigured, err)
		}
	}
	return err
}
