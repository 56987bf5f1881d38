package refusal

import "net/http"

// Code is what a caller acts on: `error.code` of the envelope. The set is closed.
type Code string

// The codes of errors, on which callers act. Each has one status when the gateway itself answers with it.
const (
	CodeUnauthorized Code = "UNAUTHORIZED"     // 401
	CodeForbidden    Code = "FORBIDDEN"        // 403
	CodeInvalid      Code = "VALIDATION_ERROR" // 400
	CodeNotFound     Code = "NOT_FOUND"        // 404
	CodeRateLimited  Code = "RATE_LIMITED"     // 429
	CodeInternal     Code = "INTERNAL_ERROR"   // 500
)

// codes is the closed table: the status of each code, and the message that stands where a backend gave none that may be
// shown.
var codes = []struct {
	code    Code
	status  int
	message string
}{
	{CodeUnauthorized, http.StatusUnauthorized, "The request is not authenticated."},
	{CodeForbidden, http.StatusForbidden, "The request is not allowed."},
	{CodeInvalid, http.StatusBadRequest, "The request is not valid."},
	{CodeNotFound, http.StatusNotFound, "What was asked for does not exist."},
	{CodeRateLimited, http.StatusTooManyRequests, "Too many requests."},
	{CodeInternal, http.StatusInternalServerError, "The request could not be answered because of an internal error."},
}

// Codes lists all codes.
func Codes() []Code {
	list := make([]Code, len(codes))
	for i := range codes {
		list[i] = codes[i].code
	}
	return list
}

// Known reports whether c is one of the codes.
func (c Code) Known() bool {
	for i := range codes {
		if codes[i].code == c {
			return true
		}
	}
	return false
}

// Status is the HTTP status that goes with the code; 500 for an unknown one.
func (c Code) Status() int {
	for i := range codes {
		if codes[i].code == c {
			return codes[i].status
		}
	}
	return http.StatusInternalServerError
}

// Message is the code's standard message: fixed text that holds nothing of the request or of the backend.
func (c Code) Message() string {
	for i := range codes {
		if codes[i].code == c {
			return codes[i].message
		}
	}
	return CodeInternal.Message()
}

// CodeOf is the code for an error status, for what has no row in the catalogue. Statuses outside 400–599 are CodeInternal.
func CodeOf(status int) Code {
	switch {
	case status < 400 || status > 499:
		return CodeInternal
	case status == http.StatusUnauthorized:
		return CodeUnauthorized
	case status == http.StatusPaymentRequired, status == http.StatusForbidden, status == http.StatusUnavailableForLegalReasons:
		return CodeForbidden
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return CodeNotFound
	case status == http.StatusTooManyRequests:
		return CodeRateLimited
	}
	return CodeInvalid
}
