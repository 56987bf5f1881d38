// Package refusal holds the closed catalogue of what the gateway itself can refuse a request with: the codes that callers
// act on, the rows with status, fixed text and advice, and the one JSON envelope in which every error leaves:
//
//	{"success": false, "error": {"code": "NOT_FOUND", "message": "There is no such route.", "details": null}}
//
// Nothing else can reach a caller. Package envelope brings the errors of others, the backend's above all, into the same
// shape.
package refusal
