// Package redis counts what workspaces spend in a Redis that several gateways share.
//
// One Lua script takes a cost from all windows of a workspace or from none, on Redis' own clock, so that the sum over
// all gateways is exact at any concurrency and clock skew. Concurrent requests of one workspace and cost are one call of
// the script (a batch), batches that are ready together are one write and one read (a flight) on one connection (a link),
// and a workspace that is known to be over its limit costs no call until its window ends. A call is never sent twice.
//
// Each node of Redis that counts is a shard: there is one, or one for each master of a Redis Cluster. While a node is
// away, Settings say what happens to the workspaces that it counts for. A request waits at most once, for the timeout.
// The circuit breaker of the shard opens at the fifth request that waited in vain: from then on none waits at all, while a
// goroutine asks up to four times a second whether the node is back. What is granted meanwhile is not added to Redis'
// counts.
//
// A busy machine is not an outage. The timeout measures for how long nothing came back while this process ran, a reply
// that is already in the socket counts, and a Redis on this machine that waits for a processor is given up to five seconds
// (on Linux). What was granted to a request that Redis answers too late is charged to it.
package redis
