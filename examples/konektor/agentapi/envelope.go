package agentapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// The codes of errors. The gateway uses the same ones, so that a caller sees one vocabulary.
const (
	codeUnauthorized = "UNAUTHORIZED"
	codeValidation   = "VALIDATION_ERROR"
	codeNotFound     = "NOT_FOUND"
	codeInternal     = "INTERNAL_ERROR"
)

// answer is a success.
type answer struct {
	// status is the HTTP status; 0 means 200.
	status int
	data   any
	// pagination stands beside data in lists.
	pagination *pagination
}

// failure is an error that the caller may see.
type failure struct {
	status  int
	code    string
	message string
	details problems
}

func (f *failure) Error() string { return f.message }

// problems says what is wrong, by the name of the field or parameter.
type problems map[string]string

// failure makes the problems one error, or nil when there are none.
func (p problems) failure(message string) error {
	if len(p) == 0 {
		return nil
	}
	return &failure{status: http.StatusBadRequest, code: codeValidation, message: message, details: p}
}

// name adds a problem under a name that the caller chose. Names are cut and only some are kept, so that the answer stays
// small whatever was sent.
func (p problems) name(name, problem string) {
	const most, longest = 20, 100
	if len(p) < most {
		p[strings.ToValidUTF8(name[:min(len(name), longest)], "")] = problem
	}
}

func notFound(message string) *failure {
	return &failure{status: http.StatusNotFound, code: codeNotFound, message: message}
}

func (a *API) succeed(w http.ResponseWriter, r *http.Request, ok *answer) {
	body, err := json.Marshal(struct {
		Success    bool        `json:"success"`
		Data       any         `json:"data"`
		Pagination *pagination `json:"pagination,omitempty"`
	}{true, ok.data, ok.pagination})
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	writeJSON(w, max(ok.status, http.StatusOK), body)
}

// refuse is the one place that renders errors. What is no failure is our own fault: it is logged and shown to nobody.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var shown *failure
	if !errors.As(err, &shown) {
		if r.Context().Err() == nil {
			a.log.Error("request failed", slog.String("request_id", r.Header.Get("X-Request-Id")),
				slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		shown = &failure{status: http.StatusInternalServerError, code: codeInternal, message: "Internal error"}
	}
	type body struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details problems `json:"details"`
	}
	// Strings and a map of strings: this cannot fail.
	rendered, _ := json.Marshal(struct {
		Success bool `json:"success"`
		Error   body `json:"error"`
	}{false, body{shown.code, shown.message, shown.details}})
	writeJSON(w, shown.status, rendered)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
