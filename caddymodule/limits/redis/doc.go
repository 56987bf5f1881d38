// Package redis counts what workspaces spend in a Redis that several gateways share (design, section 8).
//
// One Lua script takes a cost from all windows of a workspace or from none, on Redis' own clock, so that the sum over
// all gateways is exact at any concurrency and clock skew. Concurrent requests of one workspace and cost share a round
// trip, and a workspace that is known to be over its limit costs none until its window ends.
//
// While Redis is away, Settings say what happens, within their timeout; a circuit breaker keeps all but a few requests
// from waiting at all. What is granted then is never added to Redis' counts.
package redis
