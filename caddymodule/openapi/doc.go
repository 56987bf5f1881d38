// Package openapi reads OpenAPI 3.0 and 3.1 documents, JSON or YAML, and makes routes of their operations.
//
//	document, err := openapi.Load("api/openapi.yaml")
//	routes, warnings, err := document.Routes(openapi.Options{Security: []string{"key"}, Public: true})
//
// # Routes
//
// Each operation is a route: the path of its server and its own path, "{id}" written ":id", its method, and the scopes that
// its security names. A character of a parameter's name that a route's cannot hold becomes "_": "{user-id}" is ":user_id".
// The extension x-tollgate of an operation holds what a route's block holds: cost, body, limit, deprecated, sunset, link.
//
// A scope of another style is called by a dotted name: "write:pets" is "write.pets", unless Options.Scopes names it otherwise. Two scopes
// of a document never become one by themselves.
//
// An operation without security, or with {} among its alternatives, needs any valid key. A document cannot open the gate:
// "security: []" of an operation makes a public route only with Options.Public; without it, any valid key is needed and a
// warning says so. What a route cannot say is an error, unless Options.Except leaves the operation out.
//
// # Operations
//
// OperationOf gives what the document says of a route: texts, parameters, body and answers, with their schemas, which Definitions
// writes as JSON. It is what callers are told of the API by.
//
// # Files
//
// A $ref is followed within the folder of the document, through os.Root: no file outside it is read, whatever symbolic
// links say, and nothing is fetched over the network. Every error names file and line.
package openapi
