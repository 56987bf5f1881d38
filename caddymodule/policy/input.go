package policy

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Facts are what is known of a request whoever sent it: the gate judges by them, and policies read them. There is one
// source for each.
type Facts struct {
	// Method is the request's; an extended CONNECT (WebSocket over HTTP/2 and 3) is given as GET.
	Method string
	// Host is the request's as all matchers see it, without a port.
	Host string
	// Path is the escaped path that goes upstream; empty for an empty target and "*".
	Path string
	// RawQuery is the query that goes upstream; a name or value that is badly percent-encoded stays so.
	RawQuery string
	// Header holds the request headers, which are only read. Policies see no names in other than canonical form, and
	// neither Authorization, Proxy-Authorization nor Cookie.
	Header http.Header
	// ClientIP is the client's address, unmapped and without zone; the zero value if it could not be parsed, which is
	// absent from the policies' input.
	ClientIP netip.Addr
}

// Input is what policies are asked about: the request, its route and whose key it carries. What it points to is only
// read.
type Input struct {
	Facts
	// Body is the JSON body as Go values with json.Number for numbers; see HasBody.
	Body any
	// HasBody tells that the route reads its body and that there was one; else the input has none, whatever Body is.
	HasBody bool
	// Route is the route found. Nil, or one without a pattern, is the unknown route.
	Route *route.Match
	// Identity is whose key it is. Nil leaves key and workspace absent, which the embedded policies refuse.
	Identity *record.Identity
	// Plan is the workspace's. Nil leaves it absent, which the embedded policies refuse.
	Plan *record.Plan
}

// workspace is whose request it is; empty where that is not known.
func (in *Input) workspace() string {
	if in.Identity == nil || in.Identity.Workspace == nil {
		return ""
	}
	return in.Identity.Workspace.ID
}

// hidden tells the headers that policies never see, by canonical name: they carry secrets.
func hidden(name string) bool {
	return name == "Authorization" || name == "Proxy-Authorization" || name == "Cookie"
}

// value builds the input as a term. Query and headers are left out where no policy can read them.
func (in *Input) value(reads parts) (ast.Value, error) {
	request, err := in.request(reads)
	if err != nil {
		return nil, err
	}
	fields := make([][2]*ast.Term, 0, 5)
	fields = append(fields, ast.Item(ast.InternedTerm("request"), request), ast.Item(ast.InternedTerm("route"), in.route()))
	if in.Identity != nil {
		key, err := keyTerms.of(in.Identity.Key)
		if err != nil {
			return nil, err
		}
		workspace, err := workspaceTerms.of(in.Identity.Workspace)
		if err != nil {
			return nil, err
		}
		fields = append(fields, ast.Item(ast.InternedTerm("key"), key), ast.Item(ast.InternedTerm("workspace"), workspace))
	}
	if in.Plan != nil {
		fields = append(fields, ast.Item(ast.InternedTerm("plan"), ast.ObjectTerm(
			ast.Item(ast.InternedTerm("name"), ast.StringTerm(in.Plan.Name)),
			ast.Item(ast.InternedTerm("denied"), ast.InternedTerm(in.Plan.Denied)),
		)))
	}
	return ast.NewObject(fields...), nil
}

func (in *Input) request(reads parts) (*ast.Term, error) {
	fields := make([][2]*ast.Term, 0, 7)
	fields = append(fields,
		ast.Item(ast.InternedTerm("method"), ast.StringTerm(in.Method)),
		ast.Item(ast.InternedTerm("host"), ast.StringTerm(in.Host)),
		ast.Item(ast.InternedTerm("path"), ast.StringTerm(in.Path)),
	)
	if address := in.address(); address.IsValid() {
		fields = append(fields, ast.Item(ast.InternedTerm("client_ip"), ast.StringTerm(address.String())))
	}
	if reads.query {
		fields = append(fields, ast.Item(ast.InternedTerm("query"), in.query()))
	}
	if reads.headers {
		fields = append(fields, ast.Item(ast.InternedTerm("headers"), in.headers()))
	}
	if reads.body && in.HasBody {
		body, err := ast.InterfaceToValue(in.Body)
		if err != nil {
			return nil, fmt.Errorf("reading the body for policy: %w", err)
		}
		fields = append(fields, ast.Item(ast.InternedTerm("body"), ast.NewTerm(body)))
	}
	return ast.ObjectTerm(fields...), nil
}

// address is the caller's in its one form: IPv4 in its own, without a zone.
func (in *Input) address() netip.Addr { return in.ClientIP.Unmap().WithZone("") }

func (in *Input) query() *ast.Term {
	values := map[string][]*ast.Term{}
	for name, value := range parameters(in.RawQuery) {
		name = unescape(name)
		values[name] = append(values[name], ast.StringTerm(unescape(value)))
	}
	query := make([][2]*ast.Term, 0, len(values))
	for name, list := range values {
		query = append(query, ast.Item(ast.StringTerm(name), ast.ArrayTerm(list...)))
	}
	return ast.ObjectTerm(query...)
}

// unescape decodes a name or value. What is badly encoded stands as it was sent; the gate refuses such queries before.
func unescape(sent string) string {
	if decoded, err := url.QueryUnescape(sent); err == nil {
		return decoded
	}
	return sent
}

// parameters gives the names and values of a raw query as sent, still encoded, in their order. It is the one reading of
// queries: the input and the keys of remembered decisions must not differ in it.
func parameters(raw string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for raw != "" {
			var pair string
			pair, raw, _ = strings.Cut(raw, "&")
			if pair == "" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			if !yield(name, value) {
				return
			}
		}
	}
}

func (in *Input) headers() *ast.Term {
	headers := make([][2]*ast.Term, 0, len(in.Header))
	for name, values := range in.Header {
		lower := strings.ToLower(name)
		if len(values) == 0 || hidden(name) || textproto.CanonicalMIMEHeaderKey(lower) != name {
			continue
		}
		headers = append(headers, ast.Item(ast.StringTerm(lower), list(values)))
	}
	return ast.ObjectTerm(headers...)
}

// unknownRoute is the input's route where none was found.
var unknownRoute = ast.ObjectTerm(
	ast.Item(ast.InternedTerm("pattern"), ast.InternedEmptyString),
	ast.Item(ast.InternedTerm("scopes"), ast.InternedEmptyArray),
	ast.Item(ast.InternedTerm("params"), ast.InternedEmptyObject),
)

// found reports whether there is a known route.
func (in *Input) found() bool {
	return in.Route != nil && in.Route.Route != nil && in.Route.Route.Pattern != ""
}

func (in *Input) route() *ast.Term {
	if !in.found() {
		return unknownRoute
	}
	params := make([][2]*ast.Term, len(in.Route.Params))
	for i, param := range in.Route.Params {
		params[i] = ast.Item(ast.StringTerm(param.Name), ast.StringTerm(param.Value))
	}
	return ast.ObjectTerm(
		ast.Item(ast.InternedTerm("pattern"), ast.StringTerm(in.Route.Route.Pattern)),
		ast.Item(ast.InternedTerm("scopes"), list(in.Route.Scopes)),
		ast.Item(ast.InternedTerm("params"), ast.ObjectTerm(params...)),
	)
}

func list[S ~string](values []S) *ast.Term {
	terms := make([]*ast.Term, len(values))
	for i, value := range values {
		terms[i] = ast.StringTerm(string(value))
	}
	return ast.ArrayTerm(terms...)
}
