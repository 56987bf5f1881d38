package gateway

import (
	"context"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// managedVar marks a request that tollgate_keys answers. No proxy comes behind that, which may still read the variables.
const managedVar = "tollgate.managed"

// confirm asks the key store, and no cache, whose the request's credential is now.
func (c *call) confirm(ctx context.Context) (*record.Identity, error) {
	token, _ := apikey.FromAuthorization(c.credential, c.handler.BareKeys)
	return c.handler.app.keys.Value.Store().Lookup(ctx, record.SumOf(token))
}

// String is what a placeholder for the request's variable shows of a call: nothing of its request.
func (c *call) String() string { return decision(&c.verdict) }
