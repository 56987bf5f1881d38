// Package envelope gives every error one shape (design, section 6), whatever the gateway, Caddy or the backend did:
//
//	{"success": false, "error": {"code": "NOT_FOUND", "message": "…", "details": null}}
//
// It holds the closed catalogue of all that the gateway itself can say (Kind, Refusal), the Mapper that turns a backend's
// error body into the envelope, and the Writer, an http.ResponseWriter around everything behind the gateway. The Writer
// decides on status and headers alone whether anything is to be done; what is no error is passed on untouched and unread.
//
// The package knows no Caddy: it works with any http.Handler behind it and any http.ResponseWriter below it.
package envelope
