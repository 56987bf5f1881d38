// Package target judges the request target: the first step of a request's way through the gate.
//
// What the route table matches, what policies see and what goes upstream must be the same path, for every reader of it.
// Readers differ in what they repair: one merges slashes, one resolves dot segments, one decodes an encoded slash, one
// cuts parameters at a semicolon. Each such repair behind us is a way around a route's scopes. So a target that anybody
// might repair is refused, never repaired: what Parse accepts needs no repair, and its bytes go upstream unchanged.
//
//	t, err := target.Parse(r.RequestURI, r.URL.EscapedPath())   // 400 on err
//	...                                                       // find the route by t.Path
//	err = target.CheckQuery(t.RawQuery)                         // 400 on err, on other than public routes
//
// Refused are
//   - all but the origin-form (RFC 9112, section 3.2.1), and a path that Go would send upstream in other bytes than it came in;
//   - empty segments ("//"), and segments whose text up to its first ';', encoded or not, is "." or "..";
//   - a raw ';', a raw or encoded backslash, an encoded slash, raw or encoded control bytes, raw non-ASCII bytes;
//   - percent-encoded unreserved characters (RFC 3986, section 2.3), as "%61" for "a";
//   - percent-encoded bytes that are no UTF-8;
//   - white space, control bytes and '#' in the query: they would end the target for whoever reads it next.
//
// "%252e" is an ordinary literal: decoded once, as everything is, it is the text "%2e".
//
// The asterisk-form ("OPTIONS *") and an empty path are no error: they give an empty Path, which no route matches.
package target
