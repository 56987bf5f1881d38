package crm

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Options say who may use the server. Token is the one thing that must be given.
type Options struct {
	// Token is the session token that callers send, raw or after "Bearer ".
	Token string
	// Denied is what the session's access profile does not let it create: documents and fields, such as "Product" and
	// "Message.status".
	Denied []string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Server is the running server with its records. It is an http.Handler and safe for concurrent use.
type Server struct {
	token        string
	user         record
	denied       map[string]bool
	now          func() time.Time
	definitions  []definition
	modules      map[string]*Module
	store        *store
	mux          *http.ServeMux
	databaseDown atomic.Bool
	silent       atomic.Bool
}

// New gives a server with a few records: contact 16503, a campaign and two products.
func New(options Options) (*Server, error) {
	if options.Token == "" {
		return nil, errors.New("starting the server: it needs a session token")
	}
	definitions, err := readDefinitions()
	if err != nil {
		return nil, err
	}
	modules := modulesIn(DefaultLanguage, definitions)
	s := &Server{
		token: options.Token, now: options.Now, denied: map[string]bool{},
		definitions: definitions, modules: map[string]*Module{}, store: newStore(modules),
		user: record{"_id": "hBf5JpTzLrwqYdXcM", "name": "Integration", "group": record{"_id": "pQ7sVnRkDgWfTzJxH", "name": "API"}},
	}
	if s.now == nil {
		s.now = time.Now
	}
	for i := range modules {
		s.modules[modules[i].Document] = &modules[i]
	}
	for _, name := range options.Denied {
		document, field, dotted := strings.Cut(name, ".")
		if m := s.modules[document]; m == nil || dotted && m.field(field) == nil {
			return nil, fmt.Errorf("reading what is denied: there is no %q: write a document or document.field", name)
		}
		s.denied[name] = true
	}
	if err := s.seed(); err != nil {
		return nil, err
	}
	s.mux = s.newMux()
	return s, nil
}

// SetDatabaseDown makes all calls on data fail from now on as the real server fails without its database: with 401, 200
// or 400 by endpoint, and the database's address in the text.
func (s *Server) SetDatabaseDown(down bool) { s.databaseDown.Store(down) }

// SetSilent makes the server take requests from now on and never answer them, as it does after some failures.
func (s *Server) SetSilent(silent bool) { s.silent.Store(silent) }

func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rest/query/explorer/modules", s.explore)
	mux.HandleFunc("POST /rest/query/json", s.query)
	mux.HandleFunc("POST /rest/data/{document}", s.postRecord)
	mux.HandleFunc("GET /rest/data/{document}/{id}", s.getRecord)
	mux.HandleFunc("GET /readiness", s.ready)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, &failure{status: http.StatusNotFound, message: "Route " + r.Method + ":" + r.URL.RequestURI() + " not found"})
	})
	return mux
}

// ServeHTTP answers one request; a panic of a handler becomes the framework's 500.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.silent.Load() {
		drain(r)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	defer func() {
		if p := recover(); p != nil {
			refuse(w, &failure{status: http.StatusInternalServerError, message: fmt.Sprint(p)})
		}
	}()
	s.mux.ServeHTTP(w, r)
}

// session says why a request has no session, in the server's words. It is where a database that is down shows first.
func (s *Server) session(r *http.Request) error {
	if s.databaseDown.Load() {
		return errors.New("connect ECONNREFUSED 10.20.0.5:27017")
	}
	token := r.Header.Get("Authorization")
	if scheme, rest, found := strings.Cut(token, " "); found && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return errors.New("[get-user] No authTokenId found")
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		return errors.New("[get-user] User not found")
	}
	return nil
}

func (s *Server) explore(w http.ResponseWriter, r *http.Request) {
	if err := s.session(r); err != nil {
		writeJSON(w, http.StatusUnauthorized, failed(err.Error()))
		return
	}
	language := r.URL.Query().Get("lang")
	if language == "" {
		language = DefaultLanguage
	}
	writeJSON(w, http.StatusOK, succeeded(map[string]any{"modules": modulesIn(language, s.definitions)}))
}

func (s *Server) postRecord(w http.ResponseWriter, r *http.Request) {
	payload, wrong := readJSON(w, r)
	if wrong != nil {
		refuse(w, wrong)
		return
	}
	m, err := s.open(r)
	if err != nil {
		writeJSON(w, http.StatusOK, failed(err.Error()))
		return
	}
	created, problems := s.create(m, payload)
	if problems != nil {
		writeJSON(w, http.StatusOK, failed(problems...))
		return
	}
	writeJSON(w, http.StatusOK, succeeded([]record{created}))
}

func (s *Server) getRecord(w http.ResponseWriter, r *http.Request) {
	m, err := s.open(r)
	if err != nil {
		writeJSON(w, http.StatusOK, failed(err.Error()))
		return
	}
	found := s.store.get(m.Document, r.PathValue("id"))
	if found == nil {
		writeJSON(w, http.StatusOK, failed("["+m.Document+"] Record not found"))
		return
	}
	writeJSON(w, http.StatusOK, succeeded([]record{pick(found, fieldList(r.URL.Query().Get("fields")))}))
}

// open checks the session and finds the module of the path.
func (s *Server) open(r *http.Request) (*Module, error) {
	if err := s.session(r); err != nil {
		return nil, err
	}
	document := r.PathValue("document")
	m := s.modules[document]
	if m == nil {
		return nil, errors.New("[" + document + "] Document not found")
	}
	return m, nil
}

// ready answers in plain text, as do those endpoints that have nothing to do with data.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	status := http.StatusOK
	if s.databaseDown.Load() {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, http.StatusText(status))
}

var _ http.Handler = (*Server)(nil)
