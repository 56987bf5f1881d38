package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"golang.org/x/net/http/httpguts"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

func init() {
	httpcaddyfile.RegisterDirective("tollgate", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("tollgate", httpcaddyfile.After, "encode")
}

// parseDirective places the handler. It takes no matcher: what a site's gate lets by unchecked is said by "public".
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, handler), nil
}

// UnmarshalCaddyfile reads the directive. Syntax:
//
//	tollgate {
//		public  <methods> <path> {                # GET or GET,POST; goes through unchecked
//			limit <limit>/<duration>          # of each client address, IPv6 by its /64; beyond it 429
//			deprecated … sunset … link …      # as below
//		}
//		route   <methods> <path> [<scopes...>] {  # no scope: any valid key
//			cost <number>                     # default 1
//			body <size>                       # policies read the JSON body, up to this size
//			deprecated <date>                 # tells callers so: RFC 9745; 2026-12-01 or an RFC 3339 time
//			sunset <date>                     # until when it is there: RFC 8594
//			link <https address>              # where they read what to use instead
//		}
//		openapi <file> {                          # each operation of the document is a route; written ones win
//			validate [strict_query] [lenient] # requests are held against it: parameters and JSON bodies
//			only <methods> <path>             # these alone: /v1/leads/:id, or /v1/* for all below it
//			except <methods> <path>           # not these
//			security <schemes...>             # which of an operation's alternatives holds: the first that it has
//			scope <document's> <key's>        # what a scope of the document is called in keys; write:pets is write.pets
//			responses log                     # answers that break it are logged and counted, never changed
//			public                            # its operations with "security: []" need no key
//		}
//		mcp <path> {                              # the document's operations as tools of the Model Context Protocol
//			tools <methods> <path>…           # these alone: /v1/leads/:id, or /v1/* for all below it
//			except <methods> <path>…          # not these
//			name <tool> <method> <path>       # default: the operationId
//			title <text>                      # default: the document's title
//			instructions <file>               # what clients' models read first; watched
//			max_result <size>                 # of an answer; default 256KiB
//			cost <number>                     # of a message, besides what a tool's request costs; default: nothing
//			origins <origin>…                 # whose pages may use it besides the site's own
//		}
//		describe <path> {                         # <path>/SKILL.md, openapi.json, llms.txt: what the caller may do; the block is optional
//			skill <name> "<description>"      # as the Agent Skills specification has it; default: made of the title
//			intro <file>                      # Markdown in front of the endpoints, for callers with a key; watched
//			title <text>                      # default: the document's title
//			contact <address>                 # where a key is had: a mail address, or https://…
//			except <methods> <path>           # nobody is told of these: /v1/leads/:id, or /v1/* for all below it
//			limit <limit>/<duration>          # of each client address, and of each key; default 60/1m
//			everything                        # who has no key reads of all operations; default: of the public ones
//		}
//		whoami <path>
//		identity_headers <prefix> | off           # default X-Tollgate-
//		inject <header> <value>
//		forward_authorization
//		bare_keys
//		errors off                                # or a block; off: the backend's pass as they are
//		errors {
//			soft_failures
//			keep_errors
//			classify <code> [<status>] <regexp>
//			message <place>                   # where a format of the backend's own has its text: err.text
//			fields <list> <name> <text>       # its list of fields
//			code <place>                      # its code (details.backend_code)
//			max_body <size>                   # default 64KiB
//		}
//		decisions refusals | all                  # the decision log: off unless written
//	}
//
// Paths are templates: ":name" stands for one segment, a final "*" for the rest.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tollgate
	h.Source = dispenser.Source(d)
	if d.NextArg() {
		return d.Err(unexpected(d.Val()))
	}
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		word := d.Val()
		option, known := handlerOptions[word]
		if !known {
			return d.Errf("tollgate: unknown option '%s': write one of %s", word, handlerWords)
		}
		if seen[word] && !option.repeatable {
			return d.Errf("tollgate: '%s' is given twice: keep one of them", word)
		}
		seen[word] = true
		if word == "forward_authorization" || word == "errors" {
			if h.Sources == nil {
				h.Sources = map[string]string{}
			}
			h.Sources[word] = dispenser.Source(d)
		}
		if err := option.parse(h, d); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	if _, err := route.New(h.table()); err != nil {
		return fmt.Errorf("tollgate: %w", err) // names the file and the line of the route
	}
	return nil
}

// unexpected says what to write in place of an argument of the directive.
func unexpected(argument string) string {
	if strings.HasPrefix(argument, "@") || strings.HasPrefix(argument, "/") || argument == "*" {
		return fmt.Sprintf("tollgate takes no matcher: put it inside 'handle %s { … }'", argument)
	}
	return fmt.Sprintf("tollgate takes no arguments: remove '%s'", argument)
}

// methodsFirst refuses what else may stand where methods and a path belong.
func methodsFirst(args []string) error {
	switch {
	case strings.HasPrefix(args[0], "/"):
		return fmt.Errorf("'%s' stands where the methods belong: the method comes first, such as: GET %s", args[0], args[0])
	case strings.HasSuffix(args[0], ",") || strings.HasPrefix(args[1], ","):
		return errors.New("methods are separated by a comma alone: no space after the comma, such as: GET,POST /leads")
	}
	return nil
}

// handlerOption is a word of the directive's block. Its parse function stands on the word.
type handlerOption struct {
	parse      func(*Handler, *caddyfile.Dispenser) error
	repeatable bool
}

const handlerWords = "public, route, openapi, mcp, describe, whoami, identity_headers, inject, forward_authorization, bare_keys, errors, decisions"

var handlerOptions = map[string]handlerOption{
	"public":                {parse: (*Handler).parsePublic, repeatable: true},
	"route":                 {parse: (*Handler).parseRoute, repeatable: true},
	"openapi":               {parse: (*Handler).parseOpenAPI},
	"mcp":                   {parse: (*Handler).parseMCP},
	"describe":              {parse: (*Handler).parseDescribe},
	"whoami":                {parse: (*Handler).parseWhoami},
	"identity_headers":      {parse: (*Handler).parseIdentityHeaders},
	"inject":                {parse: (*Handler).parseInject, repeatable: true},
	"forward_authorization": {parse: func(h *Handler, d *caddyfile.Dispenser) error { return parseFlag(d, &h.ForwardAuthorization) }},
	"bare_keys":             {parse: func(h *Handler, d *caddyfile.Dispenser) error { return parseFlag(d, &h.BareKeys) }},
	"errors":                {parse: (*Handler).parseErrors},
	"decisions":             {parse: (*Handler).parseDecisions},
}

func (h *Handler) parseWhoami(d *caddyfile.Dispenser) error {
	var path string
	if !d.Args(&path) || d.NextArg() {
		return d.ArgErr()
	}
	h.Routes = append(h.Routes, &Route{Methods: []string{http.MethodGet}, Path: path, Whoami: true, Source: dispenser.Source(d)})
	return nil
}

func (h *Handler) parseIdentityHeaders(d *caddyfile.Dispenser) error {
	if !d.Args(&h.IdentityHeaders) || d.NextArg() {
		return d.ArgErr()
	}
	return checkIdentityPrefix(h.IdentityHeaders)
}

func (h *Handler) parseInject(d *caddyfile.Dispenser) error {
	header := Inject{Source: dispenser.Source(d)}
	if !d.Args(&header.Header, &header.Value) || d.NextArg() {
		return errors.New(`write a header and its value, such as: inject Authorization "Bearer {tollgate.secret.token}"`)
	}
	h.Inject = append(h.Inject, header)
	return h.checkInject()
}

// parseFlag reads a word that stands alone.
func parseFlag(d *caddyfile.Dispenser, into *bool) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	if *into {
		return errors.New("is given twice: keep one of them")
	}
	*into = true
	return nil
}

// checkIdentityPrefix says why a prefix cannot begin the names of the identity headers.
func checkIdentityPrefix(prefix string) error {
	if prefix == "off" {
		return nil
	}
	lower := strings.ToLower(prefix)
	if !httpguts.ValidHeaderFieldName(prefix) || !strings.HasPrefix(lower, "x-") || !strings.HasSuffix(prefix, "-") || len(prefix) < 4 ||
		strings.HasPrefix(lower, "x-forwarded-") || strings.HasPrefix(lower, "x-request-") {
		return fmt.Errorf("'%s' cannot begin the identity headers: write off, or a prefix of your own that begins with X- and ends with '-', such as X-Tollgate-", prefix)
	}
	return nil
}
