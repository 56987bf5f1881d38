package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// problem is why a question is not answered.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func refuse(status int, format string, args ...any) error {
	return &problem{status, fmt.Sprintf(format, args...)}
}

// sendProblem writes an error in the shape that all of the gateway's have.
func sendProblem(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		p = &problem{http.StatusInternalServerError, err.Error()}
	}
	sendText(w, p.status, refusal.AppendEnvelope(nil, refusal.CodeOf(p.status), p.text, nil))
}

// sendWithout answers a question that has no parameters.
func sendWithout(w http.ResponseWriter, r *http.Request, answer func() (any, error)) error {
	if _, err := query(r); err != nil {
		return err
	}
	value, err := answer()
	if err != nil {
		return err
	}
	return send(w, value)
}

func send(w http.ResponseWriter, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	sendText(w, http.StatusOK, text)
	return nil
}

func sendText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever left does not read it
}

// query reads the parameters of a question, of which it may have those and each once.
func query(r *http.Request, names ...string) (map[string]string, error) {
	values, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the query is not well formed")
	}
	given := make(map[string]string)
	for name, list := range values {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		switch {
		case !known && len(names) == 0:
			return nil, refuse(http.StatusBadRequest, "parameter '%s' is not known: write none", clip(name))
		case !known:
			return nil, refuse(http.StatusBadRequest, "parameter '%s' is not known: write one of %s", clip(name), strings.Join(names, ", "))
		case len(list) > 1 || list[0] == "" || len(list[0]) > maxParameter:
			return nil, refuse(http.StatusBadRequest, "parameter '%s' is not valid: write it once, with 1 to %d bytes", name, maxParameter)
		}
		given[name] = list[0]
	}
	return given, nil
}

// count reads the parameter n, from 1 to most.
func count(given map[string]string, otherwise, most int) (int, error) {
	text, found := given["n"]
	if !found {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refuse(http.StatusBadRequest, "parameter 'n' is not valid: write a whole number from 1 to %d", most)
	}
	return n, nil
}

const (
	maxParameter = 200
	maxShown     = 100 // bytes of what somebody sent, in an error about it
)

// clip is what somebody sent, as an error shows it.
func clip(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}
