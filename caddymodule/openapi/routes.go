package openapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// maxErrors is how many mistakes of a document are told at once.
const maxErrors = 10

// Options say which operations of a document become routes, and how.
type Options struct {
	// Only are the operations that become routes. Default: all.
	Only []Selection `json:"only,omitempty"`
	// Except are operations that do not: they are unknown routes, and may be what no route can say.
	Except []Selection `json:"except,omitempty"`
	// Security are the schemes that hold where an operation has alternatives: the first of them that it has. What they are of a kind
	// that keys are not, such as http basic, keys stand for.
	Security []string `json:"security,omitempty"`
	// Scopes are what scopes of the document are called in keys. Default: what stands between dots, colons and slashes, with dots.
	Scopes []Naming `json:"scopes,omitempty"`
	// Validate has requests checked against the document.
	Validate bool `json:"validate,omitempty"`
	// StrictQuery refuses query parameters that the document does not name. It goes with Validate.
	StrictQuery bool `json:"strict_query,omitempty"`
	// Lenient leaves unchecked what requests cannot be held against: patterns that are not RE2's, and parameters in styles that are not
	// read. Default: they are errors.
	Lenient bool `json:"lenient,omitempty"`
	// Responses is "log" where answers are held against the document, and told of where they break it. Default: they are not looked at.
	Responses string `json:"responses,omitempty"`
	// Public makes operations with "security: []" public routes. Default: they need any valid key.
	Public bool `json:"public,omitempty"`
}

// Selection names operations.
type Selection struct {
	// Methods are HTTP methods in capitals.
	Methods []string `json:"methods"`
	// Path is the path of the server and of the operation, with parameters as routes have them or as the document does, by
	// whatever name: /v1/leads/:id. A colon may also be the document's own: /v1/leads:batch. A final * stands for the rest.
	Path string `json:"path"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// Check says what is wrong with a selection.
func (s *Selection) Check() error {
	if len(s.Methods) == 0 {
		return errors.New("it has no method: write at least one, such as GET")
	}
	for _, method := range s.Methods {
		if !slices.Contains(methods, strings.ToLower(method)) || method != strings.ToUpper(method) {
			return fmt.Errorf("%q is not a method of an OpenAPI document: write capitals, such as GET or GET,POST", method)
		}
	}
	if rest := strings.TrimSuffix(s.Path, "/*"); !strings.HasPrefix(s.Path, "/") || strings.Contains(rest, "*") {
		return fmt.Errorf("path '%s' is not valid: write the path of an operation, such as /v1/leads/:id, or /v1/* for all below it", s.Path)
	}
	return nil
}

// Takes reports whether it names an operation of that method, in capitals, and path, with parameters as documents write them.
func (s *Selection) Takes(method, template string) bool {
	if !slices.Contains(s.Methods, method) {
		return false
	}
	path, all := strings.CutSuffix(s.Path, "*")
	rest, is := behind(shape(template), path)
	return is && (all || rest == "")
}

// Routes makes a route of each operation, and closed ones of those that are left out. It returns warnings about what the document wants and does not get, or all that is
// wrong with the operations, ten of them at most.
func (d *Document) Routes(options Options) (routes []*route.Route, warnings []string, err error) {
	m := maker{compiler: &compiler{Document: d, known: map[*yaml.Node]*schema{}, lenient: options.Lenient}, options: options, used: map[*Selection]bool{}}
	m.ofAnswers = &compiler{Document: d, known: map[*yaml.Node]*schema{}, answering: true, lenient: true}
	if (options.StrictQuery || options.Lenient) && !options.Validate {
		return nil, nil, errors.New("strict_query and lenient go with validate: write both")
	}
	for _, list := range [][]Selection{options.Only, options.Except} {
		for n := range list {
			if err := list[n].Check(); err != nil {
				return nil, nil, located(list[n].Source, err)
			}
		}
	}
	for _, scheme := range options.Security {
		if _, known := d.schemes[scheme]; !known {
			return nil, nil, d.top.errorf("the document has no security scheme %q, which the site chose: write one of components.securitySchemes", scheme)
		}
	}
	if options.Responses != "" && options.Responses != "log" {
		return nil, nil, fmt.Errorf("responses '%s' is not known: write log", options.Responses)
	}
	if err := m.names.read(options.Scopes); err != nil {
		return nil, nil, err
	}
	for _, o := range d.operations {
		m.make(o)
	}
	for _, c := range []*compiler{m.compiler, m.ofAnswers} {
		if err := c.endless(); err != nil {
			m.fail(err)
		}
	}
	for _, list := range [][]Selection{options.Only, options.Except} {
		for n := range list {
			if s := &list[n]; !m.used[s] {
				m.fail(located(s.Source, fmt.Errorf("no operation of %s is %s %s: correct or remove it", d.top.file.reader.Name, strings.Join(s.Methods, ","), s.Path)))
			}
		}
	}
	for n := range options.Scopes {
		if s := &options.Scopes[n]; !m.names.used[s] && len(m.failed) == 0 {
			m.fail(located(s.Source, fmt.Errorf("no operation of %s that is a route asks for the scope %q: correct or remove it", d.top.file.reader.Name, s.Scope)))
		}
	}
	if left := len(m.failed) - maxErrors; left > 0 {
		m.failed = append(m.failed[:maxErrors], fmt.Errorf("%d more mistakes in it", left))
	}
	if len(m.failed) > 0 {
		return nil, nil, errors.Join(m.failed...)
	}
	if len(m.routes) == 0 {
		return nil, nil, d.top.errorf("no operation is left to make a route of")
	}
	if len(m.routes)+len(m.closed) > route.MaxRoutes {
		return nil, nil, d.top.errorf("the document makes more than %d routes: choose among them by only", route.MaxRoutes)
	}
	if _, err := route.New(m.routes); err != nil {
		return nil, nil, fmt.Errorf("%w, or leave one of them out by except", err)
	}
	m.warnings = append(m.warnings, summed(m.variants, "no route can tell its requests from those without the query or fragment, and they are judged as those")...)
	m.warnings = append(m.warnings, summed(m.unread, "so it is left unchecked, which the word lenient allows")...)
	m.warnings = append(m.warnings, summed(m.ignored, "so it checks nothing")...)
	m.warnings = append(m.warnings, summed(m.vain, "so no request can be right with it")...)
	m.warnings = append(m.warnings, summed(m.ofAnswers.unread, "so answers are not held against it")...)
	if warning := m.names.warning(); warning != "" {
		m.warnings = append(m.warnings, d.top.file.reader.Name+": "+warning)
	}
	return append(m.routes, m.closed...), m.warnings, nil
}

// located puts a place in front of an error, where it is known.
func located(source string, err error) error {
	if source == "" {
		return err
	}
	return fmt.Errorf("%s: %w", source, err)
}

// maker makes the routes of a document.
type maker struct {
	*compiler
	ofAnswers *compiler
	options   Options
	names     scopeNames
	used      map[*Selection]bool
	routes    []*route.Route
	closed    []*route.Route // of operations that are left out
	warnings  []string
	variants  []string // operations that another one stands for
	failed    []error
}

func (m *maker) fail(err error) { m.failed = append(m.failed, err) }

func (m *maker) make(o *operation) {
	prefixes, err := o.prefixes()
	if err != nil {
		if !m.chosen(o.method, o.template) { // by its own path: that of the server is not known
			return
		}
		err = fmt.Errorf("%w; or leave out the operations of the server by their own paths, such as: except %s %s", err, o.method, pattern(o.template))
		if first, _, _ := strings.Cut(err.Error(), ";"); !slices.ContainsFunc(m.failed, func(e error) bool { return strings.HasPrefix(e.Error(), first) }) {
			m.fail(err) // of servers, which many operations share
		}
		return
	}
	for _, prefix := range prefixes {
		full := prefix + o.template
		if m.isVariant(o, full) {
			continue
		}
		if !m.chosen(o.method, full) {
			m.close(o, full)
			continue
		}
		r, err := m.route(o, full)
		switch {
		case err != nil:
			m.fail(fmt.Errorf("%w; or leave the operation out: except %s %s", err, o.method, pattern(full)))
		case r != nil:
			m.routes = append(m.routes, r)
		}
	}
}

// close makes the requests of an operation that is left out unknown: a less precise operation is not to take them. What no route
// can say needs none.
func (m *maker) close(o *operation, full string) {
	closed := &route.Route{Methods: []string{o.method}, Pattern: pattern(full), Closed: true, Source: o.source()}
	if unsayable(full) != "" {
		return
	}
	if _, err := route.New([]*route.Route{closed}); err == nil {
		m.closed = append(m.closed, closed)
	}
}

// chosen reports whether an operation is to be a route.
func (m *maker) chosen(method, template string) bool {
	named := func(list []Selection) (is bool) {
		for n := range list {
			if list[n].Takes(method, template) {
				is, m.used[&list[n]] = true, true
			}
		}
		return is
	}
	left := named(m.options.Except)
	return (named(m.options.Only) || len(m.options.Only) == 0) && !left
}

// route is an operation as a route; nil: the GET of its path takes it.
func (m *maker) route(o *operation, full string) (*route.Route, error) {
	if why := unsayable(full); why != "" {
		return nil, o.at.errorf("no route can say %s %s: %s", o.method, full, why)
	}
	n, err := m.needs(o)
	if err != nil {
		return nil, err
	}
	r := &route.Route{Methods: []string{o.method}, Pattern: pattern(full), Scopes: n.scopes, Described: m.describe(o, full), Source: o.source()}
	if err := o.extend(r); err != nil {
		return nil, err
	}
	if r.Public = n.open && m.options.Public; n.open && !r.Public {
		r.Limit = record.Window{} // which is for those who need no key
		m.warnings = append(m.warnings, fmt.Sprintf("%s: %s %s is public in the document, and needs a valid key here: write 'public' in the block of openapi to open it",
			r.Source, o.method, r.Pattern))
	}
	if o.takesGET() && m.chosen(http.MethodGet, full) {
		return nil, m.likeGET(o, r)
	}
	if _, err := route.New([]*route.Route{r}); err != nil {
		return nil, err
	}
	if m.options.Responses != "" {
		answers, err := m.ofAnswers.answers(o)
		if err != nil {
			return nil, err
		}
		if answers != nil {
			r.Answers = answers
		}
	}
	if !m.options.Validate || r.Public {
		return r, nil
	}
	v, err := m.validator(o, full)
	if err != nil {
		return nil, err
	}
	v.strict = m.options.StrictQuery
	r.Validator = v
	return r, nil
}

// likeGET checks that a HEAD operation needs what the GET of its path needs: a route takes both.
func (m *maker) likeGET(head *operation, r *route.Route) error {
	of, _ := head.item.get("get")
	of, err := m.files.resolve(of)
	if err != nil {
		return err
	}
	get := *head
	get.method, get.of = http.MethodGet, of
	same := m.asked(&get)
	if same != nil && !sameNeeds(same, r) { // else the GET itself tells
		return head.at.errorf("HEAD %s needs something else than GET does, and a route takes both: give both the same security and x-tollgate", r.Pattern)
	}
	return nil
}
