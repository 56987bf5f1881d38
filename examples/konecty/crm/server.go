package crm

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
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
	// Closed are the documents that the session's access profile keeps from it altogether.
	Closed []string
	// NoCodes is a namespace where nobody logs in by a code.
	NoCodes bool
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Server is the running server with its records. It is an http.Handler and safe for concurrent use.
type Server struct {
	userID         string
	user           record
	denied, closed map[string]bool
	codes          bool
	now            func() time.Time
	all            []Module
	modules        map[string]*Module
	store          *store
	mux            *http.ServeMux
	databaseDown   atomic.Bool
	silent         atomic.Bool

	mu   sync.Mutex
	sent map[string]string // codes by whom they were sent to
}

// UserID is that of the user whose session Options.Token is.
const UserID = "hBf5JpTzLrwqYdXcM"

// New gives a server with a few records: contacts, campaigns, products, and the session's user among others.
func New(options Options) (*Server, error) {
	if options.Token == "" {
		return nil, errors.New("starting the server: it needs a session token")
	}
	modules, err := Modules()
	if err != nil {
		return nil, err
	}
	s := &Server{
		userID: UserID, now: options.Now, denied: map[string]bool{}, closed: map[string]bool{}, codes: !options.NoCodes,
		all: modules, modules: map[string]*Module{}, store: newStore(modules), sent: map[string]string{},
		user: record{"_id": UserID, "name": "Integration", "group": record{"_id": "pQ7sVnRkDgWfTzJxH", "name": "API"}},
	}
	if s.now == nil {
		s.now = time.Now
	}
	for i := range modules {
		s.modules[modules[i].Name] = &modules[i]
	}
	for _, name := range options.Denied {
		document, field, dotted := strings.Cut(name, ".")
		if m := s.modules[document]; m == nil || dotted && m.field(field) == nil {
			return nil, fmt.Errorf("reading what is denied: there is no %q: write a document or document.field", name)
		}
		s.denied[name] = true
	}
	for _, name := range options.Closed {
		s.closed[name] = true
	}
	if err := s.seed(options.Token); err != nil {
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
	mux.HandleFunc("GET /rest/menu/documents/{document}", s.describe)
	mux.HandleFunc("POST /rest/query/json", s.query)
	mux.HandleFunc("GET /rest/data/{document}/find", s.find)
	mux.HandleFunc("POST /rest/data/{document}/find", s.find)
	mux.HandleFunc("GET /rest/data/{document}/{id}", s.getRecord)
	for _, operation := range []string{"kpi", "graph", "pivot"} {
		mux.HandleFunc("GET /rest/data/{document}/"+operation, func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusBadRequest, failed(operation+"Config query parameter is required"))
		})
	}
	mux.HandleFunc("POST /rest/data/{document}", s.written("create", func(m *Module, body any) (any, []string) {
		created, problems := s.create(m, body)
		return []record{created}, problems
	}))
	mux.HandleFunc("PUT /rest/data/{document}", s.written("update", s.update))
	mux.HandleFunc("DELETE /rest/data/{document}", s.written("delete", s.remove))
	mux.HandleFunc("GET /api/auth/login-options", s.loginOptions)
	mux.HandleFunc("POST /api/auth/request-otp", s.requestOTP)
	mux.HandleFunc("POST /api/auth/verify-otp", s.verifyOTP)
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
	token := strings.TrimSpace(r.Header.Get("Authorization"))
	if scheme, rest, found := strings.Cut(token, " "); found && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	switch {
	case token == "" || strings.EqualFold(token, "Bearer"):
		return errors.New("[get-user] No authTokenId found")
	case s.databaseDown.Load():
		return errors.New("connect ECONNREFUSED 10.20.0.5:27017")
	case s.owner(token) == nil:
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
	writeJSON(w, http.StatusOK, succeeded(map[string]any{"modules": s.explored(language)}))
}

// describe answers with all that a module's metadata says; with null where there is none for the session.
func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	if err := s.session(r); err != nil {
		writeJSON(w, http.StatusOK, failed(err.Error()))
		return
	}
	document := r.PathValue("document")
	if m := s.modules[document]; m != nil && !s.closed[document] {
		writeJSON(w, http.StatusOK, m)
		return
	}
	writeJSON(w, http.StatusOK, nil)
}

// readable checks the session and finds the module of the path.
func (s *Server) readable(r *http.Request) (*Module, error) {
	if err := s.session(r); err != nil {
		return nil, err
	}
	document := r.PathValue("document")
	if s.closed[document] {
		return nil, errors.New("[" + document + "] You don't have permission read records")
	}
	m := s.modules[document]
	if m == nil {
		return nil, errors.New("[" + document + "] Collection not found")
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
