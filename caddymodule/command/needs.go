package command

import (
	"slices"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// warnOfScopes tells of scopes that open no route of the configuration, as those with a slip of the pen do. A configuration
// without gates, such as one for commands alone, says nothing about scopes; nor does one that cannot be read here.
func (i *invocation) warnOfScopes(c *config.Configuration, scopes []record.Scope) {
	needed, gated := neededScopes(c)
	if !gated {
		return
	}
	for _, scope := range scopes {
		if !slices.ContainsFunc(needed, scope.MayCover) {
			i.note("warning: no route of %s needs the scope %s", c.File, scope)
		}
	}
}

// neededScopes are the scopes that routes need, as they are written, and those of tollgate_keys. Gated says that the
// configuration has gates at all, and that all of them could be read.
func neededScopes(c *config.Configuration) (needed []string, gated bool) {
	gates, err := gatesOf(c)
	if err != nil {
		return nil, false
	}
	for _, g := range gates {
		for _, route := range g.handler.Routes {
			needed = append(needed, route.Scopes...)
		}
		if slices.ContainsFunc(g.place.Behind, func(s site.Step) bool { return s.Effect() == site.Manages }) {
			needed = append(needed, keysapi.Scopes()...)
		}
	}
	return needed, len(gates) > 0
}
