// Package crm is a server that behaves like Konecty, as far as its callers can tell: the example of a backend whose errors
// a gateway must put right. It answers every call on data with HTTP 200 and says failure in the body; the explorer says it
// with 401, queries with 400 and ndjson, the framework below (Fastify) with its own shape.
//
//	GET    /rest/query/explorer/modules?lang=en  modules with their fields, as far as the explorer knows them
//	GET    /rest/menu/documents/:document        one module with all that its metadata says
//	POST   /rest/query/json                      finds records and those related to them, ndjson
//	GET    /rest/data/:document/:id              reads one record
//	GET    /rest/data/:document/find             finds records; POST takes the filter as its body
//	POST   /rest/data/:document                  creates a record; PUT changes some, DELETE deletes some
//	GET    /api/auth/login-options               how people log in
//	POST   /api/auth/request-otp, verify-otp     sends a code; gives a session for it
//	GET    /readiness                            text/plain
//
// What it does was observed of the real server, its weaknesses included: a list of fields that comes to nothing gives all
// of a record, with the sessions and password hashes of users; a session's stored hash opens that session; a filter may
// compare fields with the session's own user. Policies in front of it are tested against that.
//
// Records live in memory. Two switches show what the real server does on a bad day: its database is down, or it never
// answers.
package crm
