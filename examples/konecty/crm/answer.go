package crm

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// maxBody is the longest request body, in bytes: the framework's default.
const maxBody = 1 << 20

// failure is an error of the framework below, Fastify: before the server itself has seen the request.
type failure struct {
	status        int
	code, message string
}

// refuse writes a failure in the framework's shape.
func refuse(w http.ResponseWriter, f *failure) {
	writeJSON(w, f.status, struct {
		Status  int    `json:"statusCode"`
		Code    string `json:"code,omitempty"`
		Error   string `json:"error"`
		Message string `json:"message"`
	}{f.status, f.code, http.StatusText(f.status), f.message})
}

// succeeded is the server's own way to answer a call that did succeed. Success comes first: who looks for it must not
// have to read all the data.
func succeeded(data any) any {
	return struct {
		Success bool `json:"success"`
		Data    any  `json:"data"`
	}{true, data}
}

// failed is the server's own way to say that a call did not succeed.
func failed(problems ...string) any {
	type entry struct {
		Message string `json:"message"`
	}
	entries := make([]entry, len(problems))
	for i, problem := range problems {
		entries[i].Message = problem
	}
	return struct {
		Success bool    `json:"success"`
		Errors  []entry `json:"errors"`
	}{false, entries}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // an error here is the caller's leaving
}

// readJSON reads a JSON body as the framework does, before anything else is looked at.
func readJSON(w http.ResponseWriter, r *http.Request) (any, *failure) {
	sent := r.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(sent); err != nil || media != "application/json" {
		return nil, &failure{http.StatusUnsupportedMediaType, "FST_ERR_CTP_INVALID_MEDIA_TYPE", "Unsupported Media Type: " + sent}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &failure{http.StatusRequestEntityTooLarge, "FST_ERR_CTP_BODY_TOO_LARGE", "Request body is too large"}
	}
	if err == nil && len(text) == 0 {
		return nil, &failure{http.StatusBadRequest, "FST_ERR_CTP_EMPTY_JSON_BODY", "Body cannot be empty when content-type is set to 'application/json'"}
	}
	var value any
	if err != nil || json.Unmarshal(text, &value) != nil {
		return nil, &failure{http.StatusBadRequest, "FST_ERR_CTP_INVALID_JSON_BODY", "Body is not valid JSON but content-type is set to 'application/json'"}
	}
	return value, nil
}

// drain reads the request to its end, so that the server notices when the caller leaves.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody)) }
