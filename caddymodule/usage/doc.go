// Package usage keeps the ledger: what each workspace used, by hour, key, route and outcome, in requests and in cost, and how much of
// it came as calls of MCP tools.
//
// A Ledger adds up in memory and hands batches of sums to a Store, off the request path. A batch carries the ledger's
// instance and a number, and a store books each number once: a batch whose commit is unknown is sent again, unchanged,
// under the same number. While the store is away the sums are kept, within a bound: they become coarser (first the route is
// given up, then the key, then the outcome) before any are dropped, and what is dropped is counted.
package usage
