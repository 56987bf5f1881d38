package dashboard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/explain"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
)

// maxQuestion is the longest question, its body included.
const maxQuestion = 1 << 20

// question is the request that is asked about.
type question struct {
	Method string `json:"method"`
	// Address is a path, where the configuration has one site, or a URL.
	Address string  `json:"address"`
	KeyID   string  `json:"key_id"`
	IP      string  `json:"ip"`
	Query   *string `json:"query"`
	// Body is what the request would send as application/json.
	Body string `json:"body"`
}

func (a *Admin) explain(app *gateway.App, w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	q, err := readQuestion(w, r)
	if err != nil {
		return err
	}
	document, err := configuration(r)
	if err != nil {
		return err
	}
	c, err := config.Of("of the running gateway", document)
	if err != nil {
		return err
	}
	a.explains.Lock()
	defer a.explains.Unlock()
	answer, err := explain.Running(r.Context(), c, app, explain.Question{
		Method: q.Method, Address: q.Address, KeyID: q.KeyID, IP: cmp.Or(q.IP, "127.0.0.1"), Query: q.Query, Body: []byte(q.Body),
	})
	if away, ok := errors.AsType[*explain.StoreError](err); ok {
		return asProblem(away.Err)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return send(w, struct {
		*explain.Answer
		Text string `json:"text"`
	}{answer, answer.Text(0)})
}

// readQuestion reads what is asked. Only JSON is taken: no form of another site's page can send it.
func readQuestion(w http.ResponseWriter, r *http.Request) (q question, err error) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(strings.ToLower(kind)) != "application/json" {
		return q, refuse(http.StatusUnsupportedMediaType, "the question is not sent as application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return q, refuse(http.StatusRequestEntityTooLarge, "the question is longer than %d bytes", maxQuestion)
	}
	if err != nil {
		return q, refuse(http.StatusBadRequest, "the question did not arrive whole")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		return q, refuse(http.StatusBadRequest, "the question is not valid: %v: write method, address, key_id, and if need be ip, query, body", err)
	}
	for name, value := range map[string]string{"method": q.Method, "address": q.Address, "key_id": q.KeyID} {
		if value == "" {
			return q, refuse(http.StatusBadRequest, "the question has no %s", name)
		}
	}
	return q, nil
}

// configuration is the one that runs, which Caddy gives to nobody but who asks its admin endpoint: it is asked here, within
// the process, in the name of the request.
func configuration(r *http.Request) ([]byte, error) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil, errors.New("the configuration cannot be read: the request came by no server")
	}
	ask := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/config/"}, RequestURI: "/config/", Host: r.Host, RemoteAddr: r.RemoteAddr, TLS: r.TLS,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	for _, name := range []string{"Origin", "Referer"} { // an endpoint with enforce_origin asks for one
		if values := r.Header[name]; values != nil {
			ask.Header[name] = values
		}
	}
	answer := &memory{header: http.Header{}}
	server.Handler.ServeHTTP(answer, ask.WithContext(r.Context()))
	if answer.status != 0 && answer.status != http.StatusOK {
		return nil, fmt.Errorf("the configuration cannot be read: the admin endpoint answered %d", answer.status)
	}
	return answer.body.Bytes(), nil
}

// memory keeps an answer.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(status int)      { m.status = status }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }
