// Package describe tells callers what they may do: it makes SKILL.md (Agent Skills), openapi.json (OpenAPI 3.1) and llms.txt out of the
// live routes of a site, of its OpenAPI document, if it has one, and of who asks.
//
//	site, err := describe.New(options, table.Routes(), replaced)
//	text, err := site.Document(describe.Skill, &describe.Caller{Routes: callable.Routes, Key: callable.Key(), Base: "https://api.example.com"})
//
// A document names the routes of its caller and nothing else: schemas, tags and examples that only other operations use are not in it. The same
// routes and caller give the same bytes.
//
// Texts of the OpenAPI document are taken for texts: in SKILL.md they are one line each and cannot begin a heading or a list, in tables they stay
// in their cell, and strings in front matter are JSON.
package describe
