// Package crm is a server that behaves like Konecty, as far as its callers can tell: the example of a backend whose errors
// a gateway must put right. It answers every call on data with HTTP 200 and says failure in the body; the explorer says it
// with 401, queries with 400 and ndjson, the framework below (Fastify) with its own shape.
//
//	GET  /rest/query/explorer/modules?lang=en   modules with their fields
//	POST /rest/data/:document                   creates a record
//	GET  /rest/data/:document/:id               reads one
//	POST /rest/query/json                       finds records, ndjson
//	GET  /readiness                             text/plain
//
// Its session token is taken raw or after "Bearer ". Records live in memory. Two switches show what the real server does
// on a bad day: its database is down, or it never answers.
package crm
