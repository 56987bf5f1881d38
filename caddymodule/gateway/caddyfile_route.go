package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/size"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

func (h *Handler) parsePublic(d *caddyfile.Dispenser) error {
	r := &Route{Public: true, Source: dispenser.Source(d)}
	args := d.RemainingArgs()
	if len(args) != 2 {
		return errors.New("write methods and a path, such as: public GET /SKILL.md")
	}
	if err := methodsFirst(args); err != nil {
		return err
	}
	r.Methods, r.Path = strings.Split(args[0], ","), args[1]
	h.Routes = append(h.Routes, r)
	return r.parseBlock(d)
}

func (h *Handler) parseRoute(d *caddyfile.Dispenser) error {
	r := &Route{Source: dispenser.Source(d)}
	args := d.RemainingArgs()
	if len(args) < 2 {
		return errors.New("write methods, a path and the scopes it needs, such as: route GET /leads/:id agent.leads.read")
	}
	if err := methodsFirst(args); err != nil {
		return err
	}
	r.Methods, r.Path, r.Scopes = strings.Split(args[0], ","), args[1], args[2:]
	h.Routes = append(h.Routes, r)
	return r.parseBlock(d)
}

// parseBlock reads the options of a route. Those that make no sense for a public one the route table refuses.
func (r *Route) parseBlock(d *caddyfile.Dispenser) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, known := routeOptions[word]
		switch {
		case !known:
			return dispenser.Located(d, word, fmt.Errorf("unknown option '%s' of a route: write one of cost, body, deprecated, sunset, link", word))
		case seen[word]:
			return dispenser.Located(d, word, fmt.Errorf("'%s' is given twice: keep one of them", word))
		}
		seen[word] = true
		var value string
		if !d.Args(&value) || d.NextArg() {
			return dispenser.Located(d, word, d.ArgErr())
		}
		if err := parse(r, value); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	return nil
}

// routeOptions are the words of a route's block. Each takes one value.
var routeOptions = map[string]func(r *Route, value string) error{
	"cost": func(r *Route, value string) (err error) {
		if r.Cost, err = strconv.ParseInt(value, 10, 64); err != nil || r.Cost < 1 {
			return fmt.Errorf("cost '%s' is not a whole number of at least 1", value)
		}
		return nil
	},
	"body": func(r *Route, value string) (err error) {
		r.Body, err = size.Parse(value, 1<<30)
		return err
	},
	"deprecated": func(r *Route, value string) error { return parseDate(&r.deprecation().Deprecated, value) },
	"sunset":     func(r *Route, value string) error { return parseDate(&r.deprecation().Sunset, value) },
	"link": func(r *Route, value string) error {
		r.deprecation().Link = value
		return nil
	},
}

func parseDate(into *time.Time, value string) (err error) {
	*into, err = route.ParseDate(value)
	return err
}

func (r *Route) deprecation() *route.Deprecation {
	if r.Deprecation == nil {
		r.Deprecation = new(route.Deprecation)
	}
	return r.Deprecation
}
