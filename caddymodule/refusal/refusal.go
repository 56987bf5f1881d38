package refusal

import (
	"net/http"
	"strconv"
)

// Refusal is one 4xx or 5xx that the gateway itself gives. It is an error, so that handlers can return it.
type Refusal struct {
	// Kind is the row of the catalogue. It must be set.
	Kind *Kind
	// Status stands where the kind has none of its own; 0 there: 500.
	Status int
	// Message replaces the kind's, if not empty. Only policies and validation use it: it reaches the caller.
	Message string
	// Details is `error.details`; nil: null. JSON values: nil, bool, string, numbers, []any, []string, map[string]any.
	// Where the kind lists only retry_after_seconds, RetryAfter fills it and Details may stay nil.
	Details map[string]any
	// RetryAfter is the Retry-After header, in seconds. 429 and 503 always carry at least 1.
	RetryAfter int64
	// Challenge is the WWW-Authenticate header, if not empty (RFC 9110, section 11.6.1; RFC 6750, section 3).
	Challenge string
	// Cause is for the log only. It never reaches the caller.
	Cause error
}

// Error is the text for the log: the reason, and the cause if there is one.
func (r *Refusal) Error() string {
	if r.Cause == nil {
		return r.Kind.Reason
	}
	return r.Kind.Reason + ": " + r.Cause.Error()
}

// Unwrap is the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Code is what the caller acts on.
func (r *Refusal) Code() Code { return r.Kind.Code }

// StatusCode is the HTTP status of the answer.
func (r *Refusal) StatusCode() int {
	switch {
	case r.Kind.Status != 0:
		return r.Kind.Status
	case r.Status != 0:
		return r.Status
	}
	return http.StatusInternalServerError
}

// retryAfter is the value of the Retry-After header; 0: none.
func (r *Refusal) retryAfter() int64 {
	if status := r.StatusCode(); status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		return max(r.RetryAfter, 1)
	}
	return max(r.RetryAfter, 0)
}

// saysRetryAfter reports whether the details are to be filled from RetryAfter.
func (r *Refusal) saysRetryAfter() bool {
	return len(r.Details) == 0 && len(r.Kind.Details) == 1 && r.Kind.Details[0] == retryAfter
}

// JSON is the whole envelope: valid UTF-8, `details` always present. The slice may be shared and must not be changed.
func (r *Refusal) JSON() []byte {
	message := r.Message
	switch {
	case r.saysRetryAfter():
		if message == "" {
			message = r.Kind.Message
		}
		b := appendEnvelopeHead(make([]byte, 0, 192), r.Kind.Code, message)
		b = append(b, `{"`+retryAfter+`":`...)
		b = strconv.AppendInt(b, r.retryAfter(), 10)
		return append(b, "}}}"...)
	case message == "" && len(r.Details) == 0:
		return r.Kind.body
	case message == "":
		message = r.Kind.Message
	}
	return AppendEnvelope(make([]byte, 0, 256), r.Kind.Code, message, r.Details)
}

// SetHeaders puts the refusal's headers on h, for a body of the given length. No two answers share the values: whoever replaces
// the text of a header writes into them.
func (r *Refusal) SetHeaders(h http.Header, length int) {
	v := &[...]string{"application/json", strconv.Itoa(length), "no-store", "nosniff", "", r.Challenge}
	h["Content-Type"], h["Content-Length"] = v[0:1:1], v[1:2:2]
	h["Cache-Control"], h["X-Content-Type-Options"] = v[2:3:3], v[3:4:4]
	if after := r.retryAfter(); after > 0 {
		v[4] = strconv.FormatInt(after, 10)
		h["Retry-After"] = v[4:5:5]
	}
	if r.Challenge != "" {
		h["Www-Authenticate"] = v[5:6:6]
	}
}
