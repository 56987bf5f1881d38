// Package redis counts what workspaces spend in a Redis that several gateways share (design, section 8).
//
// One Lua script takes a cost from all windows of a workspace or from none, on Redis' own clock, so that the sum over
// all gateways is exact at any concurrency and clock skew. Concurrent requests of one workspace and cost share a round
// trip, and a workspace that is known to be over its limit costs none until its window ends.
//
// While Redis is away, Settings say what happens, within their timeout. A circuit breaker opens at the fifth request that
// waited in vain: from then on none waits at all, while a goroutine asks up to four times a second whether Redis is back. What is
// granted meanwhile is never added to Redis' counts.
package redis
