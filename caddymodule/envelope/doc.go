// Package envelope gives every error one shape, whatever the gateway, Caddy or the backend did:
//
//	{"success": false, "error": {"code": "NOT_FOUND", "message": "…", "details": null}}
//
// It holds the Mapper that turns a backend's error body into the envelope, and the Writer, an http.ResponseWriter around
// everything behind the gateway. The Writer decides on status and headers alone whether anything is to be done; what is not
// an error is passed on untouched and unread. The package knows no Caddy: it works with any http.Handler behind it and any
// http.ResponseWriter below it.
//
// # What becomes of a backend's error
//
//   - Of a 5xx nothing is shown; its text goes to the log.
//   - A 4xx body that is an envelope already, with a code that fits its status, passes byte for byte, unless a text in it
//     speaks of the backend's inside (package inside), or a classify rule gives it another status or code.
//   - Every other 4xx, and a success that says "success": false where the site looks for those, is read.
//
// # How a body is read
//
// There is one table of names (names.go) and one walk through the body (walk.go); no framework has a case of its own. The
// table says what a member may be by its name, in any spelling: a text, a list of what is wrong, an object that holds an
// error, the name of a field, what only the backend may see. The value and the neighbours say which of these it is. What
// comes first in this list is taken before what comes later:
//
//  1. Places that the site names (Places): message, fields and code of an API with a format of its own.
//  2. An error of our own shape whose code does not fit: its details stay as they are.
//  3. Texts of an object, the most telling name first: message, then detail, description, …; all of them follow each other.
//     A heading (error, title, reason, …) follows only if it is a sentence and not the name of a status; it stands alone if
//     nothing else is said. A text that is JSON is read as JSON.
//  4. The field of an object: under a strong name (pointer, loc, field, param, property, attribute, …, in the table's order)
//     always; under a weak one (path, name, key, target, in, location, in this order) only in an entry of a list that says
//     something, and not if the value is an error's name, a code, or a part of the request; last, under a strong name in an
//     object beside the text (extensions, context, meta, source, …). A path beside locations or extensions is GraphQL's,
//     through the answer: not a field.
//  5. What lies within it: lists of what is wrong (errors, violations, issues, details, …: anything with error, violation or
//     invalid in its name) and further errors (error, fault, response, …). An entry that names no field is about the field
//     of the entry around it; if there is none its text follows the message.
//  6. An object in the place of a list is an error itself if it has a text that no field is called like (message, detail,
//     …) and nothing that could be a field, or holds a list, or names a field and says something. Otherwise its names are
//     those of fields, joined with dots.
//  7. Data (data, result, meta, …) holds errors as well; its own texts count only if there is none outside of it, or a code
//     stands beside them. Of members that the table does not know only lists count whose entries name fields.
//  8. If nothing was found: an object of lists of texts, of sentences, of errors, or of such objects is one by field. Else an
//     unknown object may hold the error; else a code stands.
//
// What is read twice is said once. An entry with a field and no text has its code as text, else the text above it. Nothing
// is invented: a name of the table is a field only where the rules above say so. What the caller sent (value, input, params,
// …) and what is the backend's own (trace, debug, …) is not looked at.
//
// Every text that is to be shown is judged (text.go): markup, and what speaks of the backend's inside, goes to the log in
// place of the answer; a field whose text is hidden keeps its name. The walk is bounded: 64 levels, 5,000 members, 64 texts, 64
// fields, 1 KiB a text. A 4xx of which nothing is understood is reported with the names of its members (Unread).
package envelope
