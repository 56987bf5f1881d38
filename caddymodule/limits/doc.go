// Package limits counts what a workspace spends and says so in headers.
//
// Memory is the engine of a single gateway; package redis below this one is the engine that several gateways share. Both
// take a cost from all windows of a workspace at once or from none, never spend on a refusal and never count below zero.
// Throttle keeps refusals cheap, per client address or per key. State is what any of them tells the caller.
package limits
