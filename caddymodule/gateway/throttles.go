package gateway

import (
	"net/netip"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// throttles are this gateway's counts of refusals.
type throttles struct {
	auth      *limits.Throttle[netip.Addr]
	refusals  *limits.Throttle[string]
	outsiders *limits.Throttle[gate.Outsider]
}

func newThrottles() (*throttles, error) {
	return &throttles{
		auth:      limits.NewThrottle[netip.Addr](limits.AuthPolicy, nil),
		refusals:  limits.NewThrottle[string](limits.RefusalPolicy, nil),
		outsiders: limits.NewThrottle[gate.Outsider](limits.RefusalPolicy, nil),
	}, nil
}

// Destruct has nothing to end.
func (*throttles) Destruct() error { return nil }
