package gateway

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Plan is a plan as the configuration gives it.
type Plan struct {
	// Name is the plan's name: [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
	Name string `json:"name"`
	// Windows are its limits, such as "200/1m". The first gives the X-RateLimit headers.
	Windows []record.Window `json:"windows,omitempty"`
	// Quotas are its limits in calendar periods in UTC, such as "100000/month", besides.
	Quotas []record.Quota `json:"quotas,omitempty"`
	// OverQuota lets requests through past a quota, and counts them. Default: they are refused.
	OverQuota bool `json:"over_quota,omitempty"`
	// Warn is at how many per cent of a quota, 1 to 99, there are a line in the log and a field in whoami. Default: at none.
	Warn int64 `json:"warn,omitempty"`
	// Concurrent is how many requests of a workspace may be under way on one gateway, at most 1000000. Default: any number.
	Concurrent int64 `json:"concurrent,omitempty"`
	// Denied plans may not use the API at all. They have no windows.
	Denied bool `json:"denied,omitempty"`
	// Source is the file and line it was written at, for findings about it.
	Source string `json:"source,omitempty"`
}

// maxConcurrent is more requests than one gateway ever has under way.
const maxConcurrent = 1_000_000

// Route is a route as the configuration gives it.
type Route struct {
	// Methods are HTTP methods in capitals; GET stands for HEAD too.
	Methods []string `json:"methods"`
	// Path is a template: ":name" stands for one segment, a final "*" for the rest.
	Path string `json:"path"`
	// Scopes are all needed; none: any valid key may use the route. ":name" stands for the path parameter's value.
	Scopes []string `json:"scopes,omitempty"`
	// Cost is what a request takes from each window. Default: 1.
	Cost int64 `json:"cost,omitempty"`
	// Body lets policies read a JSON body of at most so many bytes. Default: the body is not read.
	Body int64 `json:"body,omitempty"`
	// Deprecation tells callers that they are to leave the route. Default: they are not.
	Deprecation *route.Deprecation `json:"deprecation,omitempty"`
	// Public routes go through unchecked, without a key.
	Public bool `json:"public,omitempty"`
	// Limit is how many requests of a public route one client address may send, such as "60/1m". IPv6 clients count by their
	// /64. Default: any number.
	Limit record.Window `json:"limit,omitzero"`
	// Whoami answers who the key is and what is left of its windows.
	Whoami bool `json:"whoami,omitempty"`
	// MCP is the endpoint of the handler's mcp: it makes this route itself.
	MCP bool `json:"-"`
	// Describes are the routes of the handler's describe: it makes them itself.
	Describes bool `json:"-"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// table gives the routes as the route table takes them.
func (h *Handler) table() []*route.Route {
	written := slices.Concat(h.Routes, h.MCP.routes(), h.Describe.routes())
	routes := make([]*route.Route, len(written))
	for i, r := range written {
		routes[i] = &route.Route{
			Methods: r.Methods, Pattern: r.Path, Scopes: r.Scopes, Cost: r.Cost, BodyLimit: r.Body,
			Deprecation: r.Deprecation, Public: r.Public, Limit: r.Limit, Whoami: r.Whoami, MCP: r.MCP, Describes: r.Describes, Source: r.Source,
		}
	}
	return routes
}

// check says what is wrong with the options of a plan.
func (p *Plan) check() error {
	err := record.CheckQuotas(p.Quotas)
	switch {
	case err != nil:
		return err
	case p.Concurrent < 0 || p.Concurrent > maxConcurrent || p.Denied && p.Concurrent > 0:
		return fmt.Errorf("concurrent is %d: write a number from 1 to %d, and none for a denied plan", p.Concurrent, maxConcurrent)
	case p.Denied && len(p.Quotas) > 0:
		return errors.New("a denied plan has a quota: leave one of them out")
	case p.Warn < 0 || p.Warn > 99:
		return fmt.Errorf("warn is %d: write a share of a quota from 1 to 99", p.Warn)
	}
	return nil
}

// plans gives the default plans with the configured ones in their place.
func (a *App) plans() (record.Plans, error) {
	own := make([]*record.Plan, len(a.Plans))
	for i, p := range a.Plans {
		if err := record.CheckID(p.Name); err != nil {
			return nil, fmt.Errorf("reading plan names: %w", err)
		}
		if p.Denied == (len(p.Windows) > 0) {
			return nil, fmt.Errorf("reading plan %q: give it windows, or denied, and not both", p.Name)
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("reading plan %q: %w", p.Name, err)
		}
		own[i] = &record.Plan{
			Name: p.Name, Denied: p.Denied, Windows: p.Windows, Quotas: p.Quotas, OverQuota: p.OverQuota, Warn: p.Warn, Concurrent: p.Concurrent,
		}
	}
	return record.DefaultPlans().With(own), nil
}

// asWritten gives routes of a table as the configuration would.
func asWritten(routes []*route.Route) []*Route {
	written := make([]*Route, len(routes))
	for i, r := range routes {
		written[i] = &Route{
			Methods: r.Methods, Path: r.Pattern, Scopes: r.Scopes, Cost: r.Cost, Body: r.BodyLimit,
			Deprecation: r.Deprecation, Public: r.Public, Limit: r.Limit, Whoami: r.Whoami, MCP: r.MCP, Describes: r.Describes, Source: r.Source,
		}
	}
	return written
}

// checkCosts refuses a route that no plan could ever pay for.
func checkCosts(routes []*route.Route, plans record.Plans) error {
	highest := int64(0)
	for _, plan := range plans {
		if plan.Denied {
			continue
		}
		highest = max(highest, lowestLimit(plan))
	}
	for _, r := range routes {
		if r.Cost > highest {
			return fmt.Errorf("%s: route %s: cost %d is above the limit of every plan (%d): lower it, or raise a plan",
				r.Source, r.Pattern, r.Cost, highest)
		}
	}
	return nil
}

// lowestLimit is the most that one request can ever take from all windows of a plan.
func lowestLimit(plan *record.Plan) int64 {
	lowest := int64(0)
	for n, w := range plan.Limits(&record.Workspace{}, nil) {
		if !w.Over && (n == 0 || w.Limit < lowest) {
			lowest = w.Limit
		}
	}
	return lowest
}

// throttleWindow reads a throttle's "<limit>/<duration>" or "off", which is the zero Window.
func throttleWindow(text, otherwise string) (record.Window, error) {
	switch text {
	case "":
		text = otherwise
	case "off":
		return record.Window{}, nil
	}
	return record.ParseWindow(text)
}
