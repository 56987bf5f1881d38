// Package route finds the route of a request in the templates that the configuration lists.
//
//	table, err := route.New([]*route.Route{
//		{Methods: []string{"GET"}, Pattern: "/leads/export", Scopes: []string{"leads.export"}},
//		{Methods: []string{"GET", "POST"}, Pattern: "/leads/:id", Scopes: []string{"leads.read"}},
//		{Methods: []string{"POST"}, Pattern: "/data/:document", Scopes: []string{"konecty.:document.create"}, Cost: 5},
//		{Methods: []string{"GET"}, Pattern: "/files/*", Public: true},
//	})
//	var m route.Match
//	found, err := table.Match("GET", "/leads/l1", &m)   // m.Route, m.Params, m.Scopes
//
// # Templates
//
// A template is a canonical path (package target). Its segments are literals, parameters (":name", one non-empty segment)
// and, as the last one only, the wildcard "*" (one or more characters, slashes among them: "/a/*" matches neither "/a"
// nor "/a/"). Literals compare percent-decoded: "/caf%C3%A9" is "/caf%c3%a9". Letter case and a final slash count: "/a"
// and "/a/" are two paths. A literal colon or asterisk is written %3A or %2A.
//
// # Precision
//
// Of the routes that match a request the most precise one holds: segment by segment from the left, a literal before a
// parameter before the wildcard. So "/a/*" comes before "/:x/b" for "/a/b". A literal that leads nowhere is no match:
// beside "/a/b/c", "/a/b/d" is a path of "/a/:x/d".
//
// The method is part of a match: where the more precise route does not take the request's method, the next one that
// takes both path and method holds, as with "GET /leads/export" and "POST /leads/:id" for "POST /leads/export". HEAD counts as
// GET; a route may list HEAD itself. Two routes that match the same requests with the same precision are an error of New.
//
// # Spellings
//
// Many backends ignore letter case or a final slash. For them "/leads/EXPORT" and "/leads/export/" are "/leads/export",
// and must not pass here as the lead with the id "EXPORT", with its weaker scope. Therefore a path that is another spelling of a
// more precise route's path, by letter case or final slash, never falls to a less precise route: it is unknown. Here
// the method does not count: "POST /leads/EXPORT" is unknown even though "POST /leads/export" would be a POST to the
// parameter, because what a backend that repairs spellings makes of the method is not ours to guess. The final slash may be
// surplus or missing. Letter case is taken as widely as any backend may: Unicode's upper and lower case in all
// languages, compatibility forms (full-width letters, ligatures), without accents.
//
// Nor do "/a" and "/a/" fall to a less precise route than "/a/*", where they have no route of their own: to most backends they are
// the folder of what the wildcard guards.
//
// What else a backend equates, say "/leads/export.json" (Rails, old Spring), this package cannot know: switch it off
// there, or list such paths as routes of their own.
//
// # Cost
//
// The table is a tree over folded segments. Every node has one way to it, so that a search enters each node at
// most once, whatever the path: there is no backtracking that multiplies, and a search goes no deeper than the longest template.
// Without parameters a match allocates nothing; with them only what must be decoded and what is put into scopes.
package route
