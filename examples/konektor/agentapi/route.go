package agentapi

import (
	"net/http"
	"strings"
)

// Route is one endpoint, as openapi.yaml knows it.
type Route struct {
	// Method is the HTTP method. GET endpoints answer HEAD as well.
	Method string
	// Path is relative to Base; {id} stands for one segment.
	Path string
	// Scope is what a key must hold. The gateway asks for it, this backend does not.
	Scope string

	handle handler
}

// handler answers one request of a known caller. Every error it returns is rendered in one place.
type handler func(a *API, r *http.Request, who identity) (*answer, error)

// Routes are the endpoints that are served, in the order of the documentation.
func Routes() []Route {
	return []Route{
		{"GET", "/leads", "agent.leads.read", (*API).listLeads},
		{"GET", "/leads/{id}", "agent.leads.read", (*API).getLead},
		{"POST", "/leads", "agent.leads.write", (*API).createLead},
		{"POST", "/leads/upsert", "agent.leads.write", (*API).upsertLead},
		{"PATCH", "/leads/{id}", "agent.leads.write", (*API).changeLead},
		{"GET", "/analytics/summary", "agent.analytics.read", (*API).getSummary},
		{"GET", "/analytics/funnel", "agent.analytics.read", (*API).getFunnel},
		{"GET", "/analytics/campaigns", "agent.analytics.read", (*API).getCampaigns},
		{"GET", "/conversions/status", "agent.conversions.read", (*API).getConversionStatus},
		{"GET", "/conversions/pending", "agent.conversions.read", (*API).listPendingConversions},
		{"GET", "/workspace", "agent.workspace.read", (*API).getWorkspace},
		{"POST", "/support/tickets", "agent.support.write", (*API).createTicket},
	}
}

// newMux registers paths without their methods, so that a wrong method is answered by us and in the envelope.
func (a *API) newMux() *http.ServeMux {
	paths := map[string][]Route{}
	for _, route := range Routes() {
		paths[route.Path] = append(paths[route.Path], route)
	}
	mux := http.NewServeMux()
	for path, routes := range paths {
		mux.HandleFunc(Base+path, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, routes) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, notFound("No such endpoint"))
	})
	return mux
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, routes []Route) {
	var allowed []string
	for _, route := range routes {
		if route.Method == r.Method || route.Method == http.MethodGet && r.Method == http.MethodHead {
			a.answer(w, r, route)
			return
		}
		allowed = append(allowed, route.Method)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	a.refuse(w, r, &failure{status: http.StatusMethodNotAllowed, code: codeNotFound,
		message: "This endpoint does not take " + r.Method})
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, route Route) {
	var who identity
	if route.Scope != "" {
		var err error
		if who, err = identify(r.Header); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	answer, err := route.handle(a, r, who)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	a.succeed(w, r, answer)
}
