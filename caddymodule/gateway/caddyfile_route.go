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
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
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

// parseOpenAPI reads the document that gives routes.
func (h *Handler) parseOpenAPI(d *caddyfile.Dispenser) error {
	o := &OpenAPI{Source: dispenser.Source(d), Folder: dispenser.Folder(d)}
	args := d.RemainingArgs()
	if len(args) != 1 {
		return errors.New("write the path of one document, such as: openapi ./openapi.yaml")
	}
	if strings.Contains(args[0], "://") {
		return fmt.Errorf("'%s' is not a path: nothing is fetched over the network; write that of a file", args[0])
	}
	o.File = dispenser.Absolute(d, args[0])
	h.OpenAPI = o
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, known := openapiOptions[word]
		switch {
		case !known:
			return dispenser.Located(d, word, fmt.Errorf("unknown option '%s' of openapi: write one of validate, only, except, security, scope, public, responses", word))
		case seen[word] && word != "only" && word != "except" && word != "scope":
			return dispenser.Located(d, word, fmt.Errorf("'%s' is given twice: keep one of them", word))
		}
		seen[word] = true
		if err := parse(o, d); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	return nil
}

// openapiOptions are the words of the block of openapi.
var openapiOptions = map[string]func(*OpenAPI, *caddyfile.Dispenser) error{
	"validate": func(o *OpenAPI, d *caddyfile.Dispenser) error {
		o.Validate = true
		for d.NextArg() {
			switch word := d.Val(); {
			case word == "strict_query" && !o.StrictQuery:
				o.StrictQuery = true
			case word == "lenient" && !o.Lenient:
				o.Lenient = true
			default:
				return fmt.Errorf("'%s' is not known: write validate; validate strict_query, which refuses query parameters that the document does not name; or validate lenient, which leaves unchecked what cannot be checked", word)
			}
		}
		return nil
	},
	"only":   func(o *OpenAPI, d *caddyfile.Dispenser) error { return parseSelection(d, &o.Only) },
	"except": func(o *OpenAPI, d *caddyfile.Dispenser) error { return parseSelection(d, &o.Except) },
	"security": func(o *OpenAPI, d *caddyfile.Dispenser) error {
		if o.Security = d.RemainingArgs(); len(o.Security) == 0 {
			return errors.New("write the name of a scheme, such as: security bearerAuth, or of several, of which the first holds that an operation has")
		}
		return nil
	},
	"scope": func(o *OpenAPI, d *caddyfile.Dispenser) error {
		name := openapi.Naming{Source: dispenser.Source(d)}
		if !d.Args(&name.Scope, &name.Key) || d.NextArg() {
			return errors.New("write a scope of the document and what it is called in keys, such as: scope write:pets pets.write")
		}
		o.Scopes = append(o.Scopes, name)
		return name.Check()
	},
	"responses": func(o *OpenAPI, d *caddyfile.Dispenser) error {
		if !d.Args(&o.Responses) || d.NextArg() || o.Responses != "log" {
			return errors.New("write: responses log, for a line in the log and a metric where an answer breaks the document")
		}
		return nil
	},
	"public": func(o *OpenAPI, d *caddyfile.Dispenser) error {
		o.Public = true
		if d.NextArg() {
			return errors.New("takes no path: it opens the operations that the document takes for public; others are opened by a public route of their own")
		}
		return nil
	},
}

// parseSelection reads operations of a document.
func parseSelection(d *caddyfile.Dispenser, into *[]openapi.Selection) error {
	s := openapi.Selection{Source: dispenser.Source(d)}
	args := d.RemainingArgs()
	if len(args) != 2 {
		return errors.New("write methods and a path, such as: GET,POST /v1/leads/:id")
	}
	if err := methodsFirst(args); err != nil {
		return err
	}
	s.Methods, s.Path = strings.Split(args[0], ","), args[1]
	*into = append(*into, s)
	return s.Check()
}

// parseBlock reads the options of a route. Those that make no sense for a public one the route table refuses.
func (r *Route) parseBlock(d *caddyfile.Dispenser) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, known := routeOptions[word]
		switch {
		case !known:
			return dispenser.Located(d, word, fmt.Errorf("unknown option '%s' of a route: write one of cost, body, limit, deprecated, sunset, link", word))
		case seen[word]:
			return dispenser.Located(d, word, fmt.Errorf("'%s' is given twice: keep one of them", word))
		}
		seen[word] = true
		var value string
		if !d.Args(&value) || d.NextArg() {
			err := d.ArgErr()
			if word == "limit" {
				err = errors.New("write one window, such as: limit 60/1m")
			}
			return dispenser.Located(d, word, err)
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
	"limit": func(r *Route, value string) (err error) {
		r.Limit, err = record.ParseWindow(value)
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
